"""Writes hessian.safetensors: the Hessian of a small ResNet, by second-order automatic differentiation in f64.

    python golden/scripts/make_hessian.py

Needs torch, numpy and safetensors. What is stored, and under which names, is described in golden/README.md.
"""

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from make_networks import FOLDER, Net, perturb

CONFIG = {"kind": "ResNet", "stem": "cifar", "block": "basic", "widths": [3, 4], "blocks": [1, 1], "classes": 5,
          "input": [6, 3, 8, 8], "shortcut": "B"}


def wave(like):
    """The vector that the Hessian is multiplied by: a cosine over the numbers of each tensor."""
    return torch.cos(0.1 * torch.arange(like.numel(), dtype=torch.float64) + 0.3).view_as(like)


def product(model, images, labels, vector):
    params = list(model.parameters())
    loss = F.cross_entropy(model(images), labels)
    gradients = torch.autograd.grad(loss, params, create_graph=True)
    slope = sum((g * v).sum() for g, v in zip(gradients, vector))
    return torch.autograd.grad(slope, params)


def hessian(model, images, labels):
    """All of it, a column a product."""
    params = list(model.parameters())
    sizes = [p.numel() for p in params]
    columns = []
    for i in range(sum(sizes)):
        unit = torch.zeros(sum(sizes), dtype=torch.float64)
        unit[i] = 1
        parts = [part.view_as(p) for part, p in zip(unit.split(sizes), params)]
        columns.append(torch.cat([h.flatten() for h in product(model, images, labels, parts)]))
    return torch.stack(columns)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(40)
    model = Net(CONFIG).double()
    perturb(model)
    images = torch.randn(CONFIG["input"], dtype=torch.float64)
    labels = torch.randint(0, CONFIG["classes"], (CONFIG["input"][0],))
    # Running statistics as they are: a momentum of 0.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    tensors = {f"weight.{n}": t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}
    tensors |= {"images": images.permute(0, 2, 3, 1).contiguous(), "labels": labels.double()}
    for statistics, training in (("batch", True), ("running", False)):
        model.train(training)
        dense = hessian(model, images, labels)
        values = torch.linalg.eigvalsh((dense + dense.T) / 2)
        tensors[f"{statistics}.eigenvalues"] = values.flip(0)
        products = product(model, images, labels, [wave(p) for p in model.parameters()])
        for (name, _), h in zip(model.named_parameters(), products):
            tensors[f"{statistics}.product.{name}"] = h
    save_file({n: t.detach().contiguous() for n, t in sorted(tensors.items())}, FOLDER / "hessian.safetensors")
    for statistics in ("batch", "running"):
        values = tensors[f"{statistics}.eigenvalues"]
        print(statistics, len(values), values[:4].tolist(), values[-2:].tolist(), values.sum().item())


if __name__ == "__main__":
    main()
