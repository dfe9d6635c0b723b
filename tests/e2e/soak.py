#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make soak [ROUNDS=n] [SEED=n]: moves to and fro under random blows, another seed each, an oracle after each."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Failed, NET_PREFIX  # noqa: E402
from steps import place_for  # noqa: E402
from endurance import to_and_fro_under_blows  # noqa: E402
from faults import full_anywhere  # noqa: E402
from storms import chaos, chaos_home, chaos_hot, links  # noqa: E402

STORMS = ((chaos, 24), (chaos_home, 24), (chaos_hot, 10), (links, 16), (to_and_fro_under_blows, 120),
          (full_anywhere, 16))


def main():
    rounds, first = int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(os.environ.get("SEED", "100"))
    failed = []
    for seed in range(first, first + rounds):
        place = place_for(f"soak-{seed}", NET_PREFIX + ".90")
        begun = time.monotonic()
        try:
            storm, size = STORMS[seed % len(STORMS)]
            storm(place, seed, size)
            print(f"ok   seed {seed}: {storm.__name__} ({time.monotonic() - begun:.0f} s)", flush=True)
            place.remove()
        except Failed as e:
            failed.append(seed)
            print(f"FAIL seed {seed}: {storm.__name__}: {e}"[:6000], flush=True)
            place.down()
    print(f"{rounds - len(failed)} passed, {len(failed)} failed")
    if failed:
        print(f"again with: make soak ROUNDS=1 SEED={failed[0]}")
    return 1 if failed else 0


sys.exit(main())
