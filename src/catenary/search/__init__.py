"""Search: documents into passages, passages into an index, a question into the passages that speak of it.

    chunk    a document → passages along its headings, paragraphs and sentences, each with its place
    terms    a text → the words it is found by: Chinese ones are jieba's, Latin ones lose their endings
    count    texts → their passages and the words in each, in any process
    build    those → files: postings, vectors where a model makes some; what did not change is taken over
    index    those files, mapped into memory → the best passages for a question (BM25, vectors, both)
    rerank   the best of them in the order of a model that reads both
    bars     whether these passages answer it
    quotes   the sentences that do, word for word
    writing  what a model is asked to write from them, and which of its sentences they support
    facts    what a passage states by its form: what something is, what is named together
    knowledge  facts → a graph, each edge with its sentence; passages that define what a question names
    overlap  the control: passages by how many words of the question they have

Nothing here knows of models: what makes vectors is a function that is passed in.

>>> from catenary.search import chunks
>>> [(one.headings, one.text) for one in chunks("# Tea\\nGreen tea.\\n## Water\\nNot boiling.")]
[(('Tea',), 'Green tea.'), (('Tea', 'Water'), 'Not boiling.')]
"""

from catenary.search.build import Built, Indexed, build_search
from catenary.search.chunk import Chunk, ChunkSettings, chunks
from catenary.search.index import Found, Passage, SearchIndex

__all__ = [
    "Built",
    "Chunk",
    "ChunkSettings",
    "Found",
    "Indexed",
    "Passage",
    "SearchIndex",
    "build_search",
    "chunks",
]
