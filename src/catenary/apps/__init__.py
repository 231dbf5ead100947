"""Applications: what a chain is for. Plain functions over models and indexes; no HTTP here, no engine.

An application is a function: a conversation in; out come pieces of text, and notes of what the answer stands on, which
go into its receipt. What it needs (a model that writes, an index, a classifier) is passed in.

    port       what passes through: conversations, pieces, notes, and the models as applications see them
    documents  answers from documents, with citations; or says that it is not in them
    assistant  customer service: known answers, documents, a model, a person
    summarise  key points, or what a model writes from them
    translate  line by line: layout and terms are kept
    proofread  slips of form, and a model's changes
    structured fields by a JSON schema, labels by a classifier
    recommend  items by text and history, with reasons
    report     a note on tables and news, a contract's review, a record's summary
    figures    tables, what became of their figures, figures that stand in no input
    clauses    a contract's clauses and the risks in their wording
    sections   a medical record's sections, coded
    tutor      marks an answer by a rubric; lays out the way to a goal
    rubric     criteria and the rules that decide them
    topics     what needs what, and the order to learn it in
    folded     text as it is compared, with its places
    templates  what is one instruction: write, code, and a tutor that explains or asks
    risk       fields whose answers say that they are no advice

    app = documents(index)                              # quotes; documents(index, model=…) writes
    async for piece in app(Conversation.of("How do I add a user?")): ...
"""

from catenary.apps.documents import documents
from catenary.apps.port import App, ChatModel, Conversation, Note, Piece

__all__ = ["App", "ChatModel", "Conversation", "Note", "Piece", "documents"]
