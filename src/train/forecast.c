#include "train/forecast.h"

#include <stdlib.h>

#include "dist/forecast.h"
#include "train/ranks.h"

/* Elements of what the forward pass reads first and whose gradient is done last. */
static lm_status count_first(const lm_config *c, int64_t *elements, lm_error *err) {
    int64_t total, n = lm_model_params(&c->model, NULL, &total);
    lm_param *rows = calloc((size_t)n + 1, sizeof *rows);
    if (!rows) return lm_error_no_memory(err, NULL);
    lm_model_params(&c->model, rows, &total);
    *elements = n > 1 ? rows[1].offset : total; /* wte.weight stands first */
    free(rows);
    return LM_OK;
}

/* The memory of process `rank` of so many. */
static lm_status plan_memory(const lm_setup *s, int ranks, int rank, uint64_t *bytes,
                             lm_error *err) {
    lm_setup other = *s;
    other.ranks = ranks;
    other.rank = rank;
    lm_status status = lm_setup_plan(&other, err);
    *bytes = other.plan.memory;
    return status;
}

static lm_status put_memory(const lm_setup *s, int ranks, lm_text *out, lm_error *err) {
    uint64_t first = 0, most = 0;
    char a[32], b[32];
    lm_status status = plan_memory(s, ranks, 0, &first, err);
    for (int r = 1; r < ranks && status == LM_OK; r++) {
        uint64_t bytes = 0;
        status = plan_memory(s, ranks, r, &bytes, err);
        if (bytes > most) most = bytes;
    }
    if (status != LM_OK) return status;
    lm_text_say(out, "          memory: %s of rank 0", lm_text_bytes(a, sizeof a, (double)first));
    if (ranks > 1)
        lm_text_say(out, ", %s at most of the others", lm_text_bytes(b, sizeof b, (double)most));
    lm_text_say(out, "\n");
    return LM_OK;
}

static void put_step(lm_forecast_of *f, double bandwidth, double alone, const lm_train_speed *speed,
                     lm_text *out) {
    f->bandwidth = LM_NETWORK_SHARE * bandwidth;
    const lm_forecast r = lm_forecast_make(f);
    lm_text_say(out,
                "forecast  %.4g Gbit/s between %d machines like this one: a step takes %s %.3g s,"
                " is %.3g times as fast as on one\n",
                bandwidth * 8e-9, f->ranks, speed->measured > 0 ? "about" : "at least", r.step,
                alone / r.step);
    lm_text_say(out,
                "          it computes for %.3g s; the network sends for %.3g s, for which it waits"
                " %.2g s (%.1f%%)\n",
                r.compute, r.sending, r.waiting, 100 * r.waiting / r.step);
}

lm_status lm_forecast_print(const lm_setup *s, int ranks, double bandwidth, double alone,
                            const lm_train_speed *speed, lm_text *out, lm_error *err) {
    static const double usual[] = {1e9 / 8, 1e10 / 8, 1e11 / 8};
    const lm_train_options *o = &s->config->train;
    const int64_t passes = o->lanes * lm_divide_up(o->batch / o->lanes, s->plan.micro_batch);
    lm_forecast_of f = {.ranks = ranks,
                        .lanes = o->lanes,
                        .model = lm_setup_traffic(s, ranks),
                        .windows = speed->step - speed->rest,
                        .rest = speed->rest};
    lm_status status = lm_ranks_check(ranks, s->config, err);
    if (status == LM_OK) status = count_first(s->config, &f.first, err);
    if (status != LM_OK) return status;
    f.last = lm_ranks_late(ranks, s->config).columns > 0 ? 0 : f.first;
    f.pass = f.windows / (double)passes;
    lm_setup_print_ranks(s, ranks, out);
    if (s->in_turn)
        lm_text_say(out,
                    "          all threads of a process compute one of its lanes after another\n");
    if ((status = put_memory(s, ranks, out, err)) != LM_OK || ranks == 1) return status;
    if (bandwidth > 0) put_step(&f, bandwidth, alone, speed, out);
    for (int i = 0; i < 3 && bandwidth == 0; i++) put_step(&f, usual[i], alone, speed, out);
    return LM_OK;
}
