"""Writes loss_scale.json: what PyTorch's GradScaler makes of sequences of finite and infinite gradients.

    python golden/scripts/make_loss_scale.py

Needs torch. What is stored, and under which names, is described in golden/README.md.
"""

import json
import pathlib
import random

import torch

FOLDER = pathlib.Path(__file__).parent.parent

RUNS = [
    # The settings, the length, and the share of steps that overflow.
    ({}, 30, 0.3),
    ({"init_scale": 8.0, "growth_interval": 4}, 80, 0.1),
    ({"init_scale": 1024.0, "growth_factor": 1.3, "backoff_factor": 0.7, "growth_interval": 3}, 120, 0.2),
    # To the end of the range, where it no longer grows.
    ({"init_scale": 1e36, "growth_factor": 10.0, "growth_interval": 1}, 20, 0.15),
    ({"init_scale": 3.0, "growth_factor": 1.5, "growth_interval": 1}, 60, 0.5),
]


def run(settings, steps, share, seed):
    scaler = torch.amp.GradScaler("cpu", **settings)
    draw = random.Random(seed)
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    columns = {name: [] for name in ("found_inf", "scale", "scaled", "unscaled", "stepped", "growth_tracker")}
    for step in range(steps):
        # The scale comes into being with the first loss.
        scaler.scale(torch.zeros(()))
        overflows = draw.random() < share
        scaled = torch.tensor([(step + 1) * 0.1, -7.0, float("inf") if overflows else 1e-3])
        parameter.grad = scaled.clone()
        before = parameter.detach().clone()
        row = {"found_inf": overflows, "scale": scaler.get_scale(), "scaled": scaled[0].item()}
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        row |= {
            "unscaled": parameter.grad[0].item(),
            "stepped": not torch.equal(before, parameter.detach()),
            "growth_tracker": scaler._get_growth_tracker(),
        }
        for name, value in row.items():
            columns[name].append(value)
    start = torch.amp.GradScaler("cpu", **settings)
    # The state has the scale that was asked for until there is a loss.
    return {"start": start.state_dict(), **columns, "end": scaler.state_dict()}


def main():
    torch.set_num_threads(1)
    runs = [run(*settings, seed) for seed, settings in enumerate(RUNS)]
    lines = ",\n".join(json.dumps(run) for run in runs)
    text = f'{{"torch": "{torch.__version__}",\n"loss_scale": [\n{lines}\n]}}'
    (FOLDER / "loss_scale.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
