"""The claims, judged from stored results without training anything."""
from npgm import storage, tables
from npgm.errors import OtherSettings
from npgm.experiments.claims import CLAIMS, judge
from npgm.experiments.output import results
from npgm.experiments.studies import EXPERIMENTS
from npgm.streams import say

NAME, TITLE = "claims", "The claims, checked"
SHOWN = ("claim", "statement", "measured", "verdict", "why")
COLUMNS = [(key, lambda row, key=key: row[key]) for key in SHOWN]


def rows(out, or_committed=False):
    """A row for each claim, from the results in out; or, if there are none of the
    paper's settings and that is asked for, from the committed ones. Raises
    DataError."""
    names = dict.fromkeys(name for claim in CLAIMS for name in claim.needs)
    paths = results.find(names, out, or_committed)
    try:
        found = _rows_at(paths)
    except OtherSettings as error:
        if not or_committed or not results.COMMITTED.is_dir():
            raise
        say(f"note: {error}. The committed results are judged instead.", error=True)
        paths = results.find(names, results.COMMITTED)
        found = _rows_at(paths)
    return [_row(claim, judge(claim, found), paths) for claim in CLAIMS]


def _rows_at(paths):
    return {name: results.load(EXPERIMENTS[name], path)["rows"]
            for name, path in paths.items()}


def _row(claim, verdict, paths):
    runs = verdict.pop("runs")
    files = [str(paths[name]) for name in claim.needs if name in paths]
    return {**verdict, "files": files, "runs": runs}


def kinds(rows):
    """{kind of claim: its rows}"""
    return {kind: [row for row in rows if row["kind"] == kind]
            for kind in dict.fromkeys(row["kind"] for row in rows)}


def markdown(rows):
    """A table for each kind of claim, below its heading."""
    return "\n".join(f"### {kind}\n\n" + tables.markdown(COLUMNS, chosen)
                     for kind, chosen in kinds(rows).items())


def csv(rows):
    keys = ["kind", *SHOWN, "files", "runs"]
    return tables.plain_csv(keys, [
        [" ".join(row[key]) if isinstance(row[key], list) else row[key] for key in keys]
        for row in rows])


def main(out, or_committed=False):
    """Print the claims and write DIR/claims.json, .md and .csv."""
    found = rows(out, or_committed)
    storage.check_writable(out)
    result = {"experiment": NAME, "rows": found,
              "files": sorted({path for row in found for path in row["files"]})}
    results.write_text(out, NAME, result, markdown(found), csv(found))
    for row in found:
        say(_told(row))
    say("read: " + ", ".join(result["files"]))
    say(f"written: {out}/{NAME}.json, .md, .csv (with the runs' hashes)")


def _told(row):
    names = ", ".join(path.rsplit("/", 1)[-1] for path in row["files"])
    lines = {**{key: row[key] for key in ("statement", "measured", "why")},
             "from": names and f"{names}: {len(row['runs'])} runs"}
    return f"{row['claim']}: {row['verdict'].upper()}\n" + "".join(
        f"  {name + ':':10} {line}\n" for name, line in lines.items() if line)
