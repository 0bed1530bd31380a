#include "optim/noise.h"

#include <math.h>

#include "base/elementary.h"
#include "base/error.h"

#define KEEP 0.99

void lm_noise_add(lm_noise *n, const double *lane_squares, int64_t lanes, double square,
                  double tokens) {
    const double s = (double)lanes;
    double parts = 0;
    LM_ASSERT(lanes >= 2);
    for (int64_t i = 0; i < lanes; i++) parts += lane_squares[i];
    const double signal = s / (s - 1) * (square - parts);
    const double trace = tokens / (s - 1) * (s * parts - square);
    n->signal = KEEP * n->signal + (1 - KEEP) * signal;
    n->trace = KEEP * n->trace + (1 - KEEP) * trace;
    n->steps++;
}

void lm_noise_now(const lm_noise *n, lm_noise_figures *f) {
    *f = (lm_noise_figures){NAN, NAN, NAN};
    if (n->steps == 0) return;
    const double seen = 1 - lm_powi(KEEP, n->steps);
    f->signal = n->signal / seen;
    f->trace = n->trace / seen;
    if (f->signal > 0) f->scale = f->trace / f->signal;
}
