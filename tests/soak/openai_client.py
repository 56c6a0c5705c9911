"""OpenAI's own Python package as the client of a server of ours: pip install openai, then

    tests/soak/openai_client.py build/bin/serve MODEL

starts the server, asks by each of the package's ways, and says what did not come as it should.
Not a test of ctest's: nothing there needs a package that the distribution lacks.
"""
import json
import subprocess
import sys

import openai

MESSAGES = [{"role": "user", "content": "Name a colour."}]


def start(program, model):
    server = subprocess.Popen([program, "-m", model, "--listen", "127.0.0.1:0"],
                              stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        if " listens at " in line:
            return server, line.split(" listens at ")[1].strip()
    sys.exit("the server did not start")


def check(client):
    model = client.models.list().data[0].id
    assert client.models.retrieve(model).id == model

    whole = client.completions.create(model=model, prompt="One, two, three,", max_tokens=16)
    parts = client.completions.create(model=model, prompt="One, two, three,", max_tokens=16,
                                      stream=True)
    assert "".join(part.choices[0].text for part in parts) == whole.choices[0].text
    assert whole.usage.completion_tokens == 16

    whole = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=16, n=2,
                                           temperature=1, seed=3, logprobs=True, top_logprobs=2)
    assert len(whole.choices) == 2 and len(whole.choices[0].logprobs.content) > 0
    parts = list(client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=16,
                                                stream=True,
                                                stream_options={"include_usage": True}))
    again = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=16)
    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert text == again.choices[0].message.content
    assert parts[-1].usage.completion_tokens == again.usage.completion_tokens

    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}},
              "required": ["colour"], "additionalProperties": False}
    answer = client.chat.completions.create(
        model=model, messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "c", "schema": schema}})
    assert json.loads(answer.choices[0].message.content)["colour"] in ("red", "blue")

    texts = ["A heron", "The miller"]
    vectors = client.embeddings.create(model=model, input=texts)  # as base64, unless it is told
    numbers = client.embeddings.create(model=model, input=texts[1], encoding_format="float")
    assert len(vectors.data) == 2 and vectors.usage.prompt_tokens > 0
    for a, b in zip(vectors.data[1].embedding, numbers.data[0].embedding):
        assert abs(a - b) < 1e-3, (a, b)  # of float models the company may change the last bits
    short = client.embeddings.create(model=model, input=texts, dimensions=8)
    assert len(short.data[0].embedding) == 8

    for wrong in ({"max_tokens": -7}, {"temperature": -1}, {"extra_body": {"unknown": 1}}):
        try:
            client.chat.completions.create(model=model, messages=MESSAGES, **wrong)
            sys.exit(f"{wrong} was answered")
        except openai.BadRequestError as error:
            print("refused:", error.body["message"])
    try:
        client.models.retrieve("none")
        sys.exit("a model that is not there was found")
    except openai.NotFoundError:
        pass


def main():
    server, where = start(*sys.argv[1:3])
    try:
        check(openai.OpenAI(base_url=where + "/v1", api_key="none"))
    finally:
        server.terminate()
    print("all answers came as they should; the server ended with", server.wait())


if __name__ == "__main__":
    main()
