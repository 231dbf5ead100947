"""The documents of a release, each a pure function of manifests: made again, they are the same bytes.

    made = documents(Dossier("sentiment", release, lineage))     # file name → text
    made["model-card.zh.md"], made["bom.cdx.json"], made["eu-training-summary.json"]

    model-card.{en,zh}.md            what it is, was made of, scores, and must not be used for
    data-card.{en,zh}.md             every source and dataset behind it
    bom.cdx.json                     CycloneDX 1.6 machine-learning bill of materials
    eu-training-summary.{json,en.md,zh.md}    Regulation (EU) 2024/1689, Article 53(1)(d)
    eu-annex-xi.{json,en.md,zh.md}   the draft of Annex XI
    china-filing.{json,zh.md,en.md}  the tables of a filing

No number is typed by hand: each field says which artifact it is from. What no manifest can tell is left
open and says so;
a person closes it with signed evidence (`govern/profiles/eu-ai-act.yaml`). No time, host or path is in any of them.
"""

from catenary.govern.documents.bom import bill_of_materials
from catenary.govern.documents.cards import data_card, model_card
from catenary.govern.documents.dossier import Dossier, Made
from catenary.govern.documents.filings import FILINGS, filing
from catenary.govern.documents.write import documents, schema_of

__all__ = [
    "FILINGS",
    "Dossier",
    "Made",
    "bill_of_materials",
    "data_card",
    "documents",
    "filing",
    "model_card",
    "schema_of",
]
