#include "ops/phase.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

const char *lm_phase_name(int phase) {
    static const char *const names[LM_PHASE_COUNT] = {
        [LM_PHASE_OTHER] = "other",         [LM_PHASE_GEMM] = "gemm",
        [LM_PHASE_ATTENTION] = "attention", [LM_PHASE_NORM] = "norm",
        [LM_PHASE_LOSS_HEAD] = "loss_head", [LM_PHASE_OPTIMIZER] = "optimizer",
        [LM_PHASE_DATA] = "data",
    };
    return phase >= 0 && phase < LM_PHASE_COUNT ? names[phase] : NULL;
}

static void change(lm_phase_clock *clock, lm_phase phase) {
    double now = lm_clock_seconds();
    clock->seconds[clock->now] += now - clock->since;
    if (clock->by_layer) clock->by_layer[clock->row][clock->now] += now - clock->since;
    clock->since = now;
    clock->now = phase;
}

void lm_phase_start(lm_phase_clock *clock) {
    memset(clock->seconds, 0, sizeof clock->seconds);
    clock->now = LM_PHASE_OTHER;
    clock->row = 0;
    clock->since = lm_clock_seconds();
}

void lm_phase_stop(lm_phase_clock *clock) {
    change(clock, clock->now);
}

lm_phase lm_phase_enter(lm_phase_clock *clock, lm_phase phase) {
    if (!clock) return LM_PHASE_OTHER;
    lm_phase before = clock->now;
    if (before == LM_PHASE_OTHER) change(clock, phase);
    return before;
}

void lm_phase_leave(lm_phase_clock *clock, lm_phase before) {
    if (clock && before != clock->now) change(clock, before);
}

void lm_phase_layer(lm_phase_clock *clock, int64_t layer) {
    if (!clock || !clock->by_layer) return;
    change(clock, clock->now);
    clock->row = layer + 1;
}
