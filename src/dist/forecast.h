/* How long a step of several processes takes, each on a machine of its own: a model on paper, out
 * of what one machine was measured to take, for `--dry-run --ranks`.
 *
 *     compute  = windows * most_lanes / lanes + rest / P
 *     sending  = gradients + weights, each the more of bytes out and in, over the bandwidth
 *     waiting  = max(gradients - 2/3 pass, gradients of the first layer)
 *              + max(weights - 1/3 pass, weights of the first layer)
 *     step     = compute + waiting
 *
 * for P processes. Gradients leave while the last pass of a step goes backward (two thirds of it),
 * but those of the first layer, the embedding, are done last; weights arrive while the next pass
 * goes forward, which reads these first. The update is shared out. Left out are the latency and the
 * CPU time of messages, slower machines among others, and what evaluations and checkpoints take. */
#ifndef LM_DIST_FORECAST_H
#define LM_DIST_FORECAST_H

#include <stdbool.h>

#include "dist/traffic.h"

/* What a network carries of its nominal rate: 1,448 bytes of data in 1,538 of an Ethernet frame. */
#define LM_NETWORK_SHARE (1448.0 / 1538.0)

typedef struct lm_forecast_of {
    int ranks;
    int64_t lanes, elements;
    int64_t first;    /* of the elements, those of the first layer */
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
