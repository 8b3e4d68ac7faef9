"""What the paper claims, what was measured, and whether it holds: one row a claim,
computed from stored results without training anything."""
from npgm import storage
from npgm.experiments import concluded, reported, stored, tables
from npgm.experiments.verdicts import UNKNOWN, Claim

NAME = "claims"
CLAIMS = [c for module in (reported, concluded) for c in vars(module).values()
          if isinstance(c, Claim)]

COLUMNS = [("claim", lambda row: row["claim"]),
           ("statement", lambda row: row["statement"]),
           ("measured", lambda row: row["measured"]),
           ("verdict", lambda row: row["verdict"]), ("why", lambda row: row["why"])]


def rows(out, or_committed=False):
    """A row for each claim, from the results in out; or, if there are none and that
    is asked for, from the committed ones. Raises DataError."""
    names = dict.fromkeys(name for c in CLAIMS for name in c.needs)
    paths = stored.find(names, out, or_committed)
    results = {name: stored.load(name, path) for name, path in paths.items()}
    return [_row(c, results, paths) for c in CLAIMS]


def _row(c, results, paths):
    missing = [name for name in c.needs if name not in results]
    if missing:
        measured, verdict, used = "", UNKNOWN, []
        why = "; ".join(f"python -m npgm.experiments {name} measures it"
                        for name in missing)
    else:
        with stored.of_this_version(*(paths[name] for name in c.needs)):
            measured, verdict, why, used = c.judge(
                *(results[name]["rows"] for name in c.needs))
    return {"kind": c.kind, "claim": c.name, "statement": c.statement,
            "measured": measured, "verdict": verdict, "why": why,
            "files": [str(paths[name]) for name in c.needs if name in results],
            "runs": sorted({run for row in used for run in row["runs"]})}


def markdown(rows):
    """A table for each kind of claim, below its heading."""
    kinds = dict.fromkeys(row["kind"] for row in rows)
    return "\n".join(f"### {kind}\n\n" + tables.markdown(COLUMNS, [
        row for row in rows if row["kind"] == kind]) for kind in kinds)


def csv(rows):
    keys = ["kind", "claim", "statement", "measured", "verdict", "why", "files", "runs"]
    return tables.plain_csv([{**row, "files": " ".join(row["files"]),
                              "runs": " ".join(row["runs"])} for row in rows], keys)


def main(out, or_committed=False):
    """Print the claims and write DIR/claims.json, .md and .csv."""
    found = rows(out, or_committed)
    storage.check_writable(out)
    result = {"experiment": NAME, "rows": found,
              "files": sorted({path for row in found for path in row["files"]})}
    tables.write_text_results(out, NAME, result, markdown(found), csv(found))
    for row in found:
        names = ", ".join(path.rsplit("/", 1)[-1] for path in row["files"])
        lines = {**{key: row[key] for key in ("statement", "measured", "why")},
                 "from": names and f"{names}: {len(row['runs'])} runs"}
        print(f"{row['claim']}: {row['verdict'].upper()}\n" + "".join(
            f"  {name + ':':10} {line}\n" for name, line in lines.items() if line))
    print("read: " + ", ".join(result["files"]))
    print(f"written: {out}/{NAME}.json, .md, .csv (with the runs' hashes)")
    return found
