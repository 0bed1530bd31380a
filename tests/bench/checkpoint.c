/* Speed and size of checkpoints.
 *
 *     make bench-checkpoint && build/gcc/tests/bench/checkpoint [megabytes of state] [directory]
 *
 * The state looks like a trained model's: weights of rows of different scale, first moments, second
 * moments that are squares of such. The directory should be in memory (/dev/shm), so that what is
 * measured is this program and not a disk. Write ends with the rename, read is into memory with
 * every digest checked, verify also checks every CRC. Medians of several rounds, GB (1e9) of state
 * a second, on 1 and 2 threads; in brackets a second of CPU time, which other work on the machine
 * disturbs less. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "tests/bench/timing.h"

enum { ROUNDS = 7, ARRAYS = 12, ROW = 1024 };

static lm_error err;

static void must(lm_status status) {
    if (status == LM_OK) return;
    fprintf(stderr, "bench: %s\n", err.message);
    exit(1);
}

static void fill(lm_checkpoint_array *a, int64_t i) {
    lm_rng rng = {.seed = (uint64_t)i, .purpose = LM_RNG_TEST};
    const int64_t rows = a->shape[0];
    static float pool[1 << 20]; /* normal numbers, used at many offsets: making them is slow */
    if (pool[0] == 0)
        for (int64_t j = 0; j < 1 << 20; j++) pool[j] = (float)lm_rng_normal(&rng, (uint64_t)j);
    for (int64_t r = 0; r < rows; r++) {
        float scale = (float)exp(lm_rng_normal(&rng, (uint64_t)(1 << 21) + (uint64_t)r));
        const float *x = pool + (size_t)(lm_rng_uniform(&rng, (uint64_t)r) * ((1 << 20) - ROW));
        float *y = a->data + r * ROW;
        for (int64_t j = 0; j < ROW; j++) {
            float z = x[j] * scale;
            y[j] = i % 3 == 0   ? 0.02f * x[j] + 1e-3f * scale
                   : i % 3 == 1 ? 1e-3f * z
                                : 1e-8f * z * z;
        }
    }
}

static void measure(int threads, const char *path, lm_checkpoint_array *arrays, double gigabytes) {
    lm_pool *pool = NULL;
    double write[2][ROUNDS], read[2][ROUNDS], verify[2][ROUNDS]; /* by the clock, by the CPU's */
    uint64_t bytes = 0;
    must(lm_pool_create(&pool, threads, &err));
    for (int round = 0; round < ROUNDS; round++) {
        lm_checkpoint *c = NULL;
        double start = lm_clock_seconds(), cpu = cpu_seconds();
        must(lm_checkpoint_write(path, arrays, ARRAYS, NULL, 0, "{}", pool, &bytes, &err));
        write[0][round] = gigabytes / (lm_clock_seconds() - start);
        write[1][round] = gigabytes / (cpu_seconds() - cpu);
        start = lm_clock_seconds(), cpu = cpu_seconds();
        must(lm_checkpoint_open(&c, path, &err));
        must(lm_checkpoint_read(c, arrays, ARRAYS, pool, &err));
        read[0][round] = gigabytes / (lm_clock_seconds() - start);
        read[1][round] = gigabytes / (cpu_seconds() - cpu);
        start = lm_clock_seconds(), cpu = cpu_seconds();
        must(lm_checkpoint_verify(c, pool, &err));
        verify[0][round] = gigabytes / (lm_clock_seconds() - start);
        verify[1][round] = gigabytes / (cpu_seconds() - cpu);
        lm_checkpoint_close(c);
    }
    printf("%d thread%s  write %.2f (%.2f)  read %.2f (%.2f)  verify %.2f (%.2f) GB/s  size %.3f of"
           " raw\n",
           threads, threads == 1 ? " " : "s", median(write[0], ROUNDS), median(write[1], ROUNDS),
           median(read[0], ROUNDS), median(read[1], ROUNDS), median(verify[0], ROUNDS),
           median(verify[1], ROUNDS), (double)bytes * 1e-9 / gigabytes);
    fflush(stdout);
    lm_pool_free(pool);
}

int main(int argc, char **argv) {
    int64_t megabytes = argc > 1 ? strtoll(argv[1], NULL, 10) : 600;
    char *path = lm_file_join(argc > 2 ? argv[2] : "/dev/shm", "lmtrain-bench.npz");
    int64_t rows = megabytes * 1000000 / (ARRAYS * ROW * 4);
    lm_checkpoint_array arrays[ARRAYS];
    if (!path) return 1;
    for (int64_t i = 0; i < ARRAYS; i++) {
        arrays[i] = (lm_checkpoint_array){.ndim = 2, .shape = {rows, ROW}};
        snprintf(arrays[i].name, sizeof arrays[i].name, "array.%d", (int)i);
        arrays[i].data = malloc((size_t)(rows * ROW) * sizeof(float));
        if (!arrays[i].data) return 1;
        fill(&arrays[i], i);
    }
    double gigabytes = (double)(ARRAYS * rows * ROW * 4) * 1e-9;
    for (int threads = 1; threads <= 2; threads++) measure(threads, path, arrays, gigabytes);
    must(lm_file_remove(path, &err));
    for (int i = 0; i < ARRAYS; i++) free(arrays[i].data);
    free(path);
    return 0;
}
