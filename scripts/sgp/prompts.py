"""The reference's prompts, word for word, and the chat form of the trained model."""

SYSTEM = "You are a large language model trained."
CHOICE = ("Answer the following multiple choice question. The last line of your response should "
          "be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of "
          "ABCD. Think step by step before answering.\n\n%s\n\nA) %s\nB) %s\nC) %s\nD) %s")
NUMBER = ("Solve the following problem step by step. The last line of your response should be of "
          "the form Answer: $ANSWER (without quotes) where $ANSWER is the answer to the problem."
          "\n\n%s\n\nImportant, put your answer on its own line after \"Answer:\", and you do not "
          "need to use a \\boxed command.")


def user_message(row):
    """The user's message for a row of eight columns, or of two (digits)."""
    return NUMBER % row[0] if len(row) == 2 else CHOICE % tuple(row[1:6])


def chat(message):
    """Llama 2's chat form, as text; <s> goes before it, the answer after it."""
    return "[INST] <<SYS>>\n%s\n<</SYS>>\n\n%s [/INST]" % (SYSTEM, message)
