"""A sweep by Optuna: each trial is one lmtrain process, pruned by the lines of its metrics.jsonl.

    pip install optuna
    python3 configs/optuna_sweep.py run.json --lmtrain ./lmtrain --trials 20
"""
import argparse
import json
import pathlib
import signal
import subprocess
import time

import optuna

parser = argparse.ArgumentParser()
parser.add_argument("config")
parser.add_argument("--lmtrain", default="lmtrain")
parser.add_argument("--trials", type=int, default=20)
parser.add_argument("--jobs", type=int, default=2)
parser.add_argument("--runs", default="runs/optuna")
options = parser.parse_args()


def evaluations(path, process):
    """The validation losses of a run, step by step, as it writes them."""
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)
    if not path.exists():
        return
    with path.open() as lines:
        rest = ""
        while True:
            ended = process.poll() is not None
            rest += lines.read()
            while "\n" in rest:
                line, rest = rest.split("\n", 1)
                row = json.loads(line)
                if row.get("val_loss") is not None:
                    yield row["step"], row["val_loss"]
            if ended:
                return
            time.sleep(0.02)


def objective(trial):
    directory = pathlib.Path(options.runs) / f"trial-{trial.number}"
    values = {
        "optimizer.lr": trial.suggest_float("optimizer.lr", 1e-4, 3e-2, log=True),
        "model.d_model": trial.suggest_categorical("model.d_model", [16, 32, 64]),
        "run.dir": directory,
    }
    command = [options.lmtrain, "--config", options.config, "--quiet", "--no-final-checkpoint"]
    for key, value in values.items():
        command += ["--set", f"{key}={value}"]
    process = subprocess.Popen(command)
    try:
        for step, loss in evaluations(directory / "metrics.jsonl", process):
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)  # a pruned trial needs no checkpoint
        code = process.wait()
    if code == 3:  # diverged: a result, and a bad one
        raise optuna.TrialPruned
    if code != 0:
        raise RuntimeError(f"lmtrain exited with {code}")
    return json.loads((directory / "summary.json").read_text())["best_val_loss"]


study = optuna.create_study(
    direction="minimize",
    sampler=optuna.samplers.TPESampler(seed=1),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=10),
)
study.optimize(objective, n_trials=options.trials, n_jobs=options.jobs)
states = [trial.state.name for trial in study.trials]
print(f"{len(states)} trials, {states.count('PRUNED')} pruned")
print(f"best {study.best_value:.4f} by {study.best_params}")
