"""act-serve's answers against the shapes that TEI publishes, and asked by Hugging Face's own client.

    curl -sO https://raw.githubusercontent.com/huggingface/text-embeddings-inference/main/docs/openapi.json
    pip install huggingface_hub==2.4.0 jsonschema==4.26.0
    python tests/peers/tei_shapes.py MODEL.act openapi.json [target/release/act-serve]

MODEL takes single texts.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request

from huggingface_hub import InferenceClient
from jsonschema import Draft202012Validator

TEXT = "花呗怎么还款"


def ask(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def main():
    model, openapi, *program = sys.argv[1:]
    with open(openapi, encoding="utf-8") as file:
        components = json.load(file)["components"]
    command = [*(program or ["target/release/act-serve"]), model, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stderr if "listening on " in line)
            url = line.split("listening on ")[1].split()[0]
            one = ask(f"{url}/predict", {"inputs": TEXT})
            batch = ask(f"{url}/predict", {"inputs": [[TEXT], ["b"]]})
            for name, value in [
                ("PredictResponse", one),
                ("PredictResponse", batch),
                ("ErrorResponse", ask(f"{url}/predict", {"inputs": []})),
                ("Info", ask(f"{url}/info")),
            ]:
                schema = {"$ref": f"#/components/schemas/{name}", "components": components}
                Draft202012Validator(schema).validate(value)
                print(f"{name}: {json.dumps(value, ensure_ascii=False)[:100]}")
            assert batch[0] == one
            # Of a list its client gives the first: the best.
            best = InferenceClient(url).text_classification(TEXT)
            assert {"score": best.score, "label": best.label} == one[0], best
            print(f"huggingface_hub: {best}")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
