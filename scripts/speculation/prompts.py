"""Prints the prompts of testdata/speculation/prompts.jsonl: 60 tasks whose answers repeat what they
were given, twenty each of editing a text, mending a drawing and extracting to JSON."""
import json
import random

PLACES = ["harbour", "library", "market", "station", "museum", "bakery", "orchard", "theatre", "workshop", "school"]
NAMES = ["Ada Marsh", "Bruno Keller", "Chen Wei", "Dora Lindqvist", "Emil Okafor", "Farah Haddad", "Goran Ilic",
         "Hana Sato", "Ivo Peters", "Jana Novak"]
WORK = ["repaired the old pumps", "painted the eastern wall", "counted every box in the cellar",
        "planted a row of young pear trees", "mended the broken windows", "wrote a long letter to the council",
        "sorted the maps by year", "cleaned the brass lamps", "carried the benches outside",
        "measured the length of the roof"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
COLORS = ["red", "navy", "teal", "gold", "gray", "black", "orange", "purple"]


def report(dice):
    sentences = []
    for _ in range(5):
        sentences.append(f"On {dice.choice(DAYS)} {dice.choice(NAMES)} {dice.choice(WORK)} at the "
                         f"{dice.choice(PLACES)}, which took {dice.randint(2, 9)} hours.")
    return " ".join(sentences)


def edit(dice):
    text = report(dice)
    broken = text.replace("which took", "wich tok").replace("at the", "at teh")
    return f"Text with spelling mistakes:\n{broken}\n\nThe same text, corrected:\nOn"


def drawing(dice):
    shapes = []
    for _ in range(7):
        x, y, w, h = (dice.randint(2, 90) for _ in range(4))
        shapes.append(dice.choice([
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{dice.choice(COLORS)}"/>',
            f'<circle cx="{x}" cy="{y}" r="{w}" fill="{dice.choice(COLORS)}"/>',
            f'<line x1="{x}" y1="{y}" x2="{w}" y2="{h}" stroke="{dice.choice(COLORS)}"/>']))
    return ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'] + shapes + ["</svg>"]


def mend(dice):
    lines = drawing(dice)
    broken = list(lines)
    place = dice.randrange(1, len(lines) - 1)
    broken[place] = broken[place].replace("/>", ">")
    return ("A drawing in which one element is not closed:\n" + "\n".join(broken)
            + "\n\nThe same drawing with the element closed:\n" + lines[0] + "\n")


def extract(dice):
    rows = [{"name": name, "place": dice.choice(PLACES), "day": dice.choice(DAYS), "hours": dice.randint(2, 9)}
            for name in dice.sample(NAMES, 5)]
    text = "\n".join(f"{row['name']} worked at the {row['place']} on {row['day']} for {row['hours']} hours."
                     for row in rows)
    shown = json.dumps(rows[0])
    return f"Notes:\n{text}\n\nThe notes as JSON, one object a line:\n{shown}\n"


def main():
    for kind in (edit, mend, extract):
        for i in range(20):
            prompt = kind(random.Random(f"{kind.__name__} {i}"))
            print(json.dumps({"id": f"{kind.__name__}-{i}", "prompt": prompt, "max_tokens": 160}))


if __name__ == "__main__":
    main()
