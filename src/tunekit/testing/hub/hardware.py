"""Machines that jobs and Spaces run on, with their prices.

As the Hub's price list had them in 2026; what a backend shows comes from here, not from its code.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FLAVORS", "hardware"]

#: Name, what it is called, CPUs, GB of memory, accelerator and how many, GB of each, US$ an hour.
MACHINES = (
    ("cpu-basic", "CPU Basic", 2, 16, None, 0, 0, 0.01),
    ("cpu-upgrade", "CPU Upgrade", 8, 32, None, 0, 0, 0.03),
    ("cpu-performance", "CPU Performance", 32, 256, None, 0, 0, 1.90),
    ("cpu-xl", "CPU XL", 16, 124, None, 0, 0, 1.00),
    ("t4-small", "Nvidia T4 - small", 4, 15, "T4", 1, 16, 0.40),
    ("t4-medium", "Nvidia T4 - medium", 8, 30, "T4", 1, 16, 0.60),
    ("l4x1", "1x Nvidia L4", 8, 30, "L4", 1, 24, 0.80),
    ("l4x4", "4x Nvidia L4", 48, 186, "L4", 4, 24, 3.80),
    ("l40sx1", "1x Nvidia L40S", 8, 62, "L40S", 1, 48, 1.80),
    ("l40sx4", "4x Nvidia L40S", 48, 382, "L40S", 4, 48, 8.30),
    ("l40sx8", "8x Nvidia L40S", 192, 1534, "L40S", 8, 48, 23.50),
    ("a10g-small", "Nvidia A10G - small", 4, 15, "A10G", 1, 24, 1.00),
    ("a10g-large", "Nvidia A10G - large", 12, 46, "A10G", 1, 24, 1.50),
    ("a10g-largex2", "2x Nvidia A10G - large", 24, 92, "A10G", 2, 24, 3.00),
    ("a10g-largex4", "4x Nvidia A10G - large", 48, 184, "A10G", 4, 24, 5.00),
    ("a100-large", "Nvidia A100 - large", 12, 142, "A100", 1, 80, 2.50),
    ("a100x4", "4x Nvidia A100", 48, 568, "A100", 4, 80, 10.00),
    ("a100x8", "8x Nvidia A100", 96, 1136, "A100", 8, 80, 20.00),
    ("h200", "Nvidia H200", 23, 256, "H200", 1, 141, 5.00),
    ("h200x2", "2x Nvidia H200", 46, 512, "H200", 2, 141, 10.00),
    ("h200x4", "4x Nvidia H200", 92, 1024, "H200", 4, 141, 20.00),
    ("h200x8", "8x Nvidia H200", 184, 2048, "H200", 8, 141, 40.00),
)
FLAVORS = frozenset(machine[0] for machine in MACHINES)


def hardware() -> list[dict[str, Any]]:
    """All machines, as the Hub lists them: prices are by the minute."""
    return [
        {
            "name": name,
            "prettyName": called,
            "cpu": f"{cpus} vCPU",
            "ram": f"{memory} GB",
            "ephemeralStorage": "50 GB",
            "accelerator": {
                "type": "gpu",
                "model": model,
                "quantity": str(many),
                "vram": f"{many * each} GB",
                "manufacturer": "Nvidia",
            }
            if model
            else None,
            "unitCostMicroUSD": round(price / 60 * 1_000_000),
            "unitCostUSD": round(price / 60, 6),
            "unitLabel": "minute",
        }
        for name, called, cpus, memory, model, many, each, price in MACHINES
    ]
