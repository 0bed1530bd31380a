"""Steps of PyTorch's DistributedDataParallel over gloo, for tests/dist/two_hosts.sh: the model of
gpt2.py, of whose windows each process takes its share.

    MASTER_ADDR=... MASTER_PORT=... RANK=0 WORLD_SIZE=2 GLOO_SOCKET_IFNAME=... \
        ddp.py PRESET STEPS WINDOWS   # of all processes together; 0: the preset's

Rank 0 prints the median seconds of a step after the first two.
"""
import statistics
import sys
import time

import gpt2
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel


def main():
    preset, steps, windows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    training = gpt2.Training(preset)
    training.batch = (windows or training.batch) // dist.get_world_size()
    training.run = DistributedDataParallel(training.model, gradient_as_bucket_view=True)
    times = []
    for _ in range(steps):
        window = training.random_batch()
        dist.barrier()
        start = time.perf_counter()
        training.step(window)
        times.append(time.perf_counter() - start)
    if dist.get_rank() == 0:
        print(f"{statistics.median(times[2:]):.6g}")
    dist.destroy_process_group()


main()
