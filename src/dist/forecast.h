/* How long a step of several processes takes, each on a machine of its own: a model on paper, out
 * of what one machine was measured to take, for `--dry-run --ranks`.
 *
 *     compute  = windows * most_lanes / lanes + rest / P
 *     sending  = gradients + weights + lines, each the more of bytes out and in, over the bandwidth
 *     first    = elements of the first layer / elements
 *     last     = elements whose gradients are done last / elements
 *     waiting  = max(gradients - 2/3 pass, last * gradients)
 *              + max(weights - 1/3 pass, first * weights) + lines
 *     step     = compute + waiting
 *
 * for P processes, each with a share of every layer. Gradients leave while the last pass of a step
 * goes backward (two thirds of it), but those of the first layer, the embedding, are done last,
 * unless it is the head too and leaves as such, but for few lines (exchange.h); lines of tables
 * leave after it. Weights arrive while the next pass goes forward, which reads those of the first
 * layer first. The update is shared out. Left out are the latency and the CPU time of messages,
 * slower machines among others, and what evaluations and checkpoints take. Measured with two hosts
 * and 1 Gbit/s (tests/bench/NOTES.md): 1.65 s where this says 1.47 s by the computing measured
 * there (10.7M, 4,096 tokens), and 6.0 s where it says 4.9 s (124M, 1,024 tokens).
 *
 * Where it scales and where it stops: steps of 524,288 tokens in bf16 and 64 lanes (as many as
 * machines above 64), one process on each machine of 32 cores, passes of 8,192 tokens or less. Such
 * a machine does 5,704 tokens/s of the 124M model, 29.3 times what one core of a Zen 4 was measured
 * to do (1,024 tokens in 2.63 s on two, tests/bench/NOTES.md), and at the same share of its peak
 * 488 tokens/s of a model of 1.3B (GPT-3's shape, 24 layers of 2,048, context 2,048). How many
 * times as fast as one machine, and the share of the step in which it computes:
 *
 *                     1 Gbit/s      10 Gbit/s      100 Gbit/s
 *     124M,  8       5.3   66%      7.8   98%      8.0  100%
 *     124M, 64      11.0   17%     54.2   85%     62.9   98%
 *     1.3B,  8       5.5   69%      8.0  100%      8.0  100%
 *     1.3B, 64      12.2   19%     61.5   96%     63.7  100%
 *     computes for 80% of a step or more, up to so many machines (powers of two):
 *     124M           4             64             512
 *     1.3B           4            128            1024
 *
 * The wire sets the end: a step cannot be shorter than what a machine sends in it, about twice the
 * weights, however many there are, so that 1 Gbit/s ends at 11 or 12 times one machine for any size
 * of model. A larger step moves the end by as much as it is larger. Were slices runs of layers, as
 * they once were, rank 0 would have the first layer alone, and what it gets and sends of its other
 * layers could move beside their part of a pass alone: 64 machines with 10 Gbit/s would be 40.5
 * (124M) and 42.0 times (1.3B) as fast as one. */
#ifndef LM_DIST_FORECAST_H
#define LM_DIST_FORECAST_H

#include <stdbool.h>

#include "dist/traffic.h"

/* What a network carries of its nominal rate: 1,448 bytes of data in 1,538 of an Ethernet frame. */
#define LM_NETWORK_SHARE (1448.0 / 1538.0)

typedef struct lm_forecast_of {
    int ranks;
    int64_t lanes;
    lm_traffic_model model;
    int64_t first;    /* of its elements, those of the first layer */
    int64_t last;     /* and those whose gradients are done last */
    double windows;   /* seconds that one machine computes the windows of a step, */
    double rest;      /* and all else of it */
    double pass;      /* seconds of a pass forward and backward; a part of `windows` */
    double bandwidth; /* bytes a second, each way at once */
} lm_forecast_of;

typedef struct lm_forecast {
    lm_traffic traffic;
    double compute, sending, waiting, step; /* seconds */
} lm_forecast;

lm_forecast lm_forecast_make(const lm_forecast_of *f);

/* A network's rate: "10Gbit", "2.5Gbit", "100Mbit", "1.2GB/s", with k, M, G or T of 1000 each;
 * "/s" may stand behind bit, and a space before the unit. *bytes: a second. false: it is none. */
bool lm_network_parse(const char *text, double *bytes);

#endif
