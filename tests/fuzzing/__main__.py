"""`python -m tests.fuzzing [--inputs N] [--seed S] [NAME ...]`: many inputs for each decoder, in bounded memory.

Ends with 1 where a decoder raises an error that is not of this package, takes a second, or keeps memory.
"""

import argparse
import collections
import random
import resource
import sys
import time
import warnings

from robot_rl.core.errors import RobotRLError
from tests.fuzzing.decoders import DECODERS, Decoder, check_seeds

SLOW_S = 1.0
GROWTH_MB_MAX = 100
SEEDS_MAX = 200


def fuzz(name: str, decoder: Decoder, inputs: int, seed: int) -> list[str]:
    """Run one decoder and return what is wrong with it."""
    rng, outcomes, wrong = random.Random(f"{name} {seed}"), collections.Counter[str](), []
    check_seeds(decoder)
    seeds, before_mb, start_s = list(decoder.seeds), _peak_mb(), time.monotonic()
    for _ in range(inputs):
        parts, since_s = decoder.change(rng, rng.choice(seeds)), time.process_time()
        try:
            decoder.call(parts)
            outcomes["accepted"] += 1
            if len(seeds) < SEEDS_MAX:
                seeds.append(parts)
        except RobotRLError as error:
            outcomes["refused"] += 1
            wrong += [f"an error of {len(str(error))} characters"] if len(str(error)) > 3000 else []
        except Exception as error:
            outcomes["foreign"] += 1
            wrong.append(f"{type(error).__name__}: {error}"[:200] + f" for {parts!r}"[:400])
        if time.process_time() - since_s > SLOW_S:
            wrong.append(f"{time.process_time() - since_s:.1f} s for {parts!r}"[:400])
    growth_mb, took_s = _peak_mb() - before_mb, time.monotonic() - start_s
    print(f"{name:<12}{inputs} inputs in {took_s:.0f} s, {growth_mb:.0f} MB more, {dict(outcomes)}", flush=True)
    return wrong + ([f"{growth_mb:.0f} MB more"] if growth_mb > GROWTH_MB_MAX else [])


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> int:
    """Run the decoders that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(DECODERS))
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    failed = False
    for name in arguments.names or DECODERS:
        wrong = fuzz(name, DECODERS[name], arguments.inputs, arguments.seed)
        failed |= bool(wrong)
        print("".join(f"  {text}\n" for text in sorted(set(wrong))[:10]), end="", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
