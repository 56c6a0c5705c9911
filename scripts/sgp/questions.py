"""Questions in the benchmark's words: program and question in one text, four options."""

import cad3d
import sketch2d

SVG = ("Examine the following SVG code carefully and answer the question based on your "
       "interpretation of the rendered image.\n\n%s\n\nQuestion: %s")
CAD = ("Examine the following CAD code carefully to understand the 2D object it generates and "
       "answer the question based on your interpretation of the rendered image of that object."
       "\n\n%s\n\nHint: the CAD code has the following syntax:\n\n%s\n\nQuestion: %s")

COLUMNS = ["PID", "Question", "A", "B", "C", "D", "Answer", "Subject"]


def svg_row(pid, program, fact, rng, letter=None):
    options, letter = fact.options(rng, letter)
    return [pid, SVG % (program, fact.question), *options, letter, fact.kind]


def cad_row(pid, thing, fact, rng, letter=None):
    options, letter = fact.options(rng, letter)
    hint = sketch2d.HINT if thing.subject == "2D" else cad3d.HINT
    return [pid, CAD % (thing.program(), hint, fact.question), *options, letter, thing.subject]
