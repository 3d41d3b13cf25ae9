"""The study as a graph: one notebook run a rule, then its page. `make study` calls it.

With one seed it trains `ours_aligned` alone and reads the rest from the committed records (and puts systems
side by side if they were trained before: `make ablation VARIANT=piecewise`). With more it is the full study,
every system of the tables with every seed (the target `rows`). The target `sweep` runs one of
`sweeps.SWEEPS`, or all.

Prepared data, checkpoints and logs are the output of no rule: Snakemake deletes outputs before it runs
a rule again, and they are what makes a second run short.
"""

import sys
from pathlib import Path
from shlex import quote

from skiplib.checkpoints import belongs
from skiplib.config import RUNS_DIR, VARIANTS, experiment
from skiplib.errors import ConfigError, DataError
from skiplib.execute import SHOWN, sources, stopped
from skiplib.footers import footer
from skiplib.overlays import format_overlay
from skiplib.prepare import folder_name
from skiplib.records import overlay_digest, run_id
from skiplib.report import index, question, render
from skiplib.sweeps import SWEEPS, named, overlays

if RUNS_DIR != Path("runs").resolve():
    raise ConfigError(f"the study keeps its runs in runs/, and SKIPLIB_RUNS says {RUNS_DIR}: unset it, or link runs/")
CORPUS = config.get("corpus", "skipworld")
SCALE = config.get("scale", "demo")
COUNT = str(config.get("seeds", 1))
if not COUNT.isdecimal() or int(COUNT) < 1:
    raise ConfigError(f"SEEDS={COUNT}: how many seeds, 1 or more")
SEEDS = range(int(COUNT))
SYSTEM = SHOWN
PAINTS = experiment(SYSTEM, SCALE, CORPUS).image.features == "none"  # cyclegan encodes what it paints
SYSTEMS = [name for name in VARIANTS if PAINTS or name != "cyclegan"]
OTHERS = [name for name in SYSTEMS if name != SYSTEM] if len(SEEDS) > 1 else []

RUNS = f"runs/{CORPUS}-{SCALE}"
PAGES = f"reports/{CORPUS}-{SCALE}"
RECORD = f"runs/records/{CORPUS}-{SCALE}-{{system}}-s{{seed}}.json"  # as records.run_id names it
TITLES = {
    "01_prepare_data": "The data",
    "02_train": "Training",
    "03_image_to_speech": "From image to speech",
    "04_memory_attention": "What the memory holds",
    "05_compare": "Systems side by side",
    "06_sweeps": "One switch at a time",
    "07_divergences": "Where we read the paper",
    "run_ablation": "The system, measured",
    "tables": "The tables",
}
PAGES_OF_ALL = dict(TITLES)
BESIDE = {f"runs/{run_id(CORPUS, SCALE, s, 0)}/model.safetensors": s for s in ("piecewise", "ours")}
if not all(belongs(Path(path), experiment(system, SCALE, CORPUS)) for path, system in BESIDE.items()):
    del TITLES["05_compare"]  # it would train them; after `rows` they are there, or have failed
if CORPUS != "skipworld":  # the sweeps are of that world
    del TITLES["06_sweeps"]
ASKED = [named(name) for name in (config.get("sweep") or "").split()] or SWEEPS
POINTS = [
    (system, overlay)
    for sweep in ASKED
    for system in sweep.systems
    for overlay in overlays(sweep, system, SCALE, CORPUS)
]
OVERLAYS = {overlay_digest(overlay): overlay for _, overlay in POINTS if overlay}
SWEPT = sorted(  # the record of each point and seed; some points are a system's defaults
    {
        f"runs/records/{run_id(CORPUS, SCALE, system, seed, overlay)}.json"
        for system, overlay in POINTS
        for seed in SEEDS
    }
)
KEPT = sorted(str(path) for path in Path("reports/records").glob(f"{CORPUS}-{SCALE}-*.json"))
DATA = f"-p corpus {CORPUS} -p scale {SCALE}"
CORES = workflow.resource_settings.cores  # None on a cluster
ALL = CORES or 2
ONE = 1 if CORES else 2  # two runs of a core each take a fifth less time than one after the other on two
PYTHON = sys.executable
LIMIT = "OMP_NUM_THREADS={threads} "  # or torch takes all cores that it sees
RUN = "{PYTHON:q} -m skiplib.execute {input[0]} {output[0]} {params.given}"
EXECUTE = RUN if CORES else LIMIT + RUN


def notebook(name):
    """What every rule takes: the notebook, and the files of the library that it imports."""
    path = Path("notebooks", f"{name}.ipynb")
    return [str(path), *(str(file.relative_to(Path.cwd())) for file in sources(path))]


def data():
    """Other files are other data, and are prepared anew; what is missing, the notebook says."""
    try:
        return folder_name(experiment(SYSTEM, SCALE, CORPUS))
    except DataError:
        return ""


def beside(inputs=()):
    """The records that are neither made by a row of this study nor a rule's `inputs`, as `make ablation` leaves
    them: the tables read them too."""
    own = {RECORD.format(system=system, seed=seed) for system in [SYSTEM, *OTHERS] for seed in SEEDS}
    found = sorted(Path("runs/records").glob(f"{CORPUS}-{SCALE}-*.json"))
    return [f"{path.name} {path.stat().st_mtime_ns}" for path in found if str(path) not in own.union(inputs)]


def pages(folder, prefix=""):
    """The pages that a study has in its folder, for an index: title, path, and what it answers. One that is not
    rendered today was by an earlier run."""
    for name, title in PAGES_OF_ALL.items():
        page = Path(folder, f"{name}.html")
        if page.exists():
            earlier = folder == PAGES and name not in TITLES
            asked = question(Path("notebooks", f"{name}.ipynb"))
            yield prefix + title, page, asked + earlier * " (Of an earlier run: its foot says which.)"


def of_run(wildcards):
    return f"{DATA} -p variant {wildcards.get('system', SYSTEM)} -p seed {wildcards.seed}"


def switches(wildcards):
    return quote(format_overlay(OVERLAYS[wildcards.digest]))  # there may be several, with spaces between


def finished(wildcards):
    """Seed 0 of what the study shows, and of the others the records that there are: a row that failed is named in
    the tables, and is tried again next time."""
    shown, *others = (RECORD.format(system=name, seed=n) for name in [SYSTEM, *OTHERS] for n in SEEDS)
    return [shown, *(path for path in others if Path(path).exists())]


def finished_sweeps(wildcards):
    """The same for the sweeps."""
    return [path for path in SWEPT if Path(path).exists()]


wildcard_constraints:
    seed=r"\d+",
    system="|".join(VARIANTS),
    digest="|".join(OVERLAYS),


rule study:
    input:
        f"{PAGES}/index.html",


rule rows:
    input:
        expand(RECORD, system=[SYSTEM, *OTHERS], seed=SEEDS),


rule sweep:
    input:
        SWEPT,


rule prepare:
    input:
        notebook("01_prepare_data"),
    output:
        f"{RUNS}/01_prepare_data.ipynb",
    params:
        given=DATA,
        data=data(),
    threads: ALL  # every rule: the next one waits, and torch has the machine
    shell:
        EXECUTE


rule train:
    input:
        notebook("02_train"),
        rules.prepare.output,
    output:
        f"{RUNS}/seed{{seed}}/02_train.ipynb",
    params:
        given=of_run,
    threads: ALL
    shell:
        EXECUTE


rule image_to_speech:
    input:
        notebook("03_image_to_speech"),
        rules.train.output,
    output:
        f"{RUNS}/seed{{seed}}/03_image_to_speech.ipynb",
    params:
        given=of_run,
    threads: ALL
    shell:
        EXECUTE


rule memory_attention:
    input:
        notebook("04_memory_attention"),
        rules.train.output,
    output:
        f"{RUNS}/seed{{seed}}/04_memory_attention.ipynb",
    params:
        given=of_run,
    threads: ALL
    shell:
        EXECUTE


rule compare:
    input:
        notebook("05_compare"),
        f"{RUNS}/seed0/02_train.ipynb",
        list(BESIDE),
    output:
        f"{RUNS}/seed0/05_compare.ipynb",
    params:
        given=DATA,
    threads: ALL
    shell:
        EXECUTE


rule evaluate:
    input:
        notebook("run_ablation"),
        rules.train.output,
    output:
        f"{RUNS}/seed{{seed}}/run_ablation.ipynb",
        RECORD.replace("{system}", SYSTEM),
    params:
        given=of_run,
    threads: ALL
    shell:
        EXECUTE


rule ablation:
    input:
        notebook("run_ablation"),
        rules.prepare.output,
    output:
        f"{RUNS}/seed{{seed}}/{{system}}.ipynb",
        RECORD,
    wildcard_constraints:
        system="|".join(name for name in VARIANTS if name != SYSTEM),
    params:
        given=of_run,
    threads: ONE
    shell:
        LIMIT + RUN


rule point:
    input:
        notebook("run_ablation"),
        rules.prepare.output,
    output:
        f"{RUNS}/seed{{seed}}/{{system}}-{{digest}}.ipynb",
        f"runs/records/{CORPUS}-{SCALE}-{{system}}-s{{seed}}-{{digest}}.json",
    params:
        given=lambda wildcards: f"{of_run(wildcards)} -p overlay {switches(wildcards)}",
    threads: ONE
    shell:
        LIMIT + RUN


rule readings:  # of records alone, with those of other settings among them
    input:
        lambda wildcards: notebook(wildcards.name),
        lambda wildcards: ["DECISIONS.md"] if wildcards.name == "07_divergences" else [],
        KEPT,
        finished,
        finished_sweeps,
    output:
        f"{RUNS}/seed0/{{name}}.ipynb",
    wildcard_constraints:
        name="06_sweeps|07_divergences",
    params:
        given=DATA,
        beside=beside(SWEPT),
        stopped=stopped(Path(RUNS)),
    threads: ALL
    shell:
        EXECUTE


rule tables:
    input:
        notebook("tables"),
        KEPT,
        finished,
    output:
        f"{RUNS}/tables.ipynb",
    params:
        given=DATA,
        beside=beside(),
        stopped=stopped(Path(RUNS)),
    threads: ALL
    shell:
        EXECUTE


rule report:
    input:
        rules.prepare.output,
        expand(f"{RUNS}/seed0/{{name}}.ipynb", name=list(TITLES)[1:-1]),
        rules.tables.output,
        code=[f"skiplib/{name}" for name in ("report.py", "report.css", "report.js", "footers.py", "offline.py")],
    output:
        expand(f"{PAGES}/{{name}}.html", name=TITLES),
        index=f"{PAGES}/index.html",
    run:
        for title, page, source in zip(TITLES.values(), map(Path, output), map(Path, input)):
            foot = footer(source)
            render(source, page, title, foot)  # the indexes have the foot of the last, the tables
        index(pages(PAGES), Path(output.index), f"The study: {CORPUS}, {SCALE}", foot)
        studies = sorted(p.parent for p in Path("reports").glob("*-*/index.html") if "-smoke" not in p.parts[1])
        listed = (page for study in studies for page in pages(str(study), f"{study.name}: "))
        index(listed, Path("reports/index.html"), "All studies", foot)
