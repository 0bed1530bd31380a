#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "comm/launch.h"
#include "config/keys.h"
#include "machine/cpu.h"
#include "train/setup.h"

/* The first shard that is in data.train and data.val both. */
static void warn_of_shared(const lm_setup *s, lm_text *out) {
    for (int64_t i = 0; i < s->val.count; i++)
        for (int64_t k = 0; k < s->train.count; k++) {
            const lm_corpus *val = s->val.items[i].corpus, *train = s->train.items[k].corpus;
            int64_t shared = lm_corpus_shared_shard(val, train);
            if (shared < 0) continue;
            lm_text_say(out,
                        "warning: %s is in data.train too, so that validation says nothing about"
                        " other text\n",
                        lm_corpus_shard_path(val, shared));
            return;
        }
}

/* The number behind that of the last window that the run takes. */
static int64_t end_of_windows(const lm_setup *s) {
    if (s->plan.samples < 1) return 0;
    const double most = (double)LM_SKIPS_MOST_WINDOW;
    return lm_skips_at(&s->skips, 0, (int64_t)fmin(s->plan.samples, most) - 1) + 1;
}

static void warn_of_skips(const lm_setup *s, lm_text *out) {
    const int64_t end = end_of_windows(s);
    int64_t beyond =
        lm_skips_count(&s->skips, 0, LM_SKIPS_MOST_WINDOW + 1) - lm_skips_count(&s->skips, 0, end);
    if (beyond > 0)
        lm_text_say(out,
                    "warning: data.skip names %" PRId64 " window%s that the run does not reach: the"
                    " last one it takes is %" PRId64 "\n",
                    beyond, beyond == 1 ? "" : "s", end - 1);
}

void lm_setup_print_unused(const lm_setup *s, lm_text *out) {
    for (int64_t i = 0; i < s->train.count; i++)
        lm_sampler_print_unused(&s->train.items[i].sampler, out);
    for (int64_t i = 0; i < s->val.count; i++)
        lm_sampler_print_unused(&s->val.items[i].sampler, out);
    int64_t skipped = lm_skips_count(&s->skips, 0, end_of_windows(s));
    if (skipped > 0)
        lm_text_say(out, "not used of data.train: %" PRId64 " window%s by data.skip\n", skipped,
                    skipped == 1 ? "" : "s");
}

/* What the average of the end still has of the weights that it begins with. */
static void warn_of_average(const lm_setup *s, lm_text *out) {
    const lm_config *c = s->config;
    const lm_train_options *o = &c->train;
    const double steps = (double)o->steps, share = 0.05;
    double left = 1;
    if (!lm_config_averages(c) || c->schedule.ema.given || lm_optimizer_averages(c->optimizer.kind))
        return;
    double begun = o->ema_start.unit == LM_LENGTH_PERCENT ? o->ema_start.amount / 100
                   : o->ema_start.unit == LM_LENGTH_STEPS ? o->ema_start.amount / steps
                                                          : o->ema_start.amount / s->plan.tokens;
    if (begun >= 1) {
        lm_text_say(out, "warning: train.ema_start is the end of the run: there will be no average"
                         " of the weights\n");
        return;
    }
    if (o->ema_tokens > 0)
        left = exp2(-(1 - begun) * s->plan.tokens / o->ema_tokens);
    else
        left = pow(o->ema, (1 - begun) * steps);
    if (left > share)
        lm_text_say(out,
                    "warning: %s is long for this run: %.0f%% of the average at its end will be the"
                    " weights with which averaging began\n",
                    o->ema_tokens > 0 ? "train.ema_tokens" : "train.ema", 100 * left);
}

/* A model that is its own base has no other's learning rate. */
static void warn_of_base(const lm_config *c, lm_text *out) {
    const lm_model_options *m = &c->model;
    const bool deep = m->parametrization == LM_COMPLETEP;
    if (m->parametrization == LM_STANDARD ||
        (c->given[lm_key_find("model.base_d_model")] &&
         (!deep || c->given[lm_key_find("model.base_n_layers")])))
        return;
    lm_text_say(out,
                "warning: model.parametrization = %s without model.base_d_model%s: the model is its"
                " own base, and shares no learning rate with models of other sizes\n",
                lm_parametrization_name(m->parametrization), deep ? " and base_n_layers" : "");
}

/* mpirun binds each process to a core unless it is told otherwise, and srun may. */
static void warn_of_binding(const lm_setup *s, lm_text *out) {
    const lm_comm_cpus cpus = lm_comm_host_cpus(s->comm);
    const int own = lm_cpu_usable();
    const char *launcher = lm_launch_read().launcher;
    const bool by_srun = launcher && strcmp(launcher, "srun") == 0;
    if (cpus.idle == 0 || s->threads < own) return;
    lm_text_say(out,
                "warning: %s has bound the processes on this machine to %d of its %d CPUs, this one"
                " to %d: the others are idle (%s)\n",
                by_srun ? "srun" : "mpirun", cpus.used, cpus.used + cpus.idle, own,
                by_srun ? "srun --cpus-per-task=N gives each N"
                        : "mpirun --bind-to none lets them use all");
}

void lm_setup_warnings(const lm_setup *s, lm_text *out) {
    const lm_config *c = s->config;
    if (s->threads_asked > 0)
        lm_text_say(out,
                    "warning: OMP_NUM_THREADS makes the number of threads %d, %d CPUs may be"
                    " used (run.threads and --threads win over it)\n",
                    s->threads_asked, lm_cpu_usable());
    warn_of_binding(s, out);
    warn_of_shared(s, out);
    warn_of_skips(s, out);
    warn_of_average(s, out);
    warn_of_base(c, out);
    for (int64_t i = 0; i < s->train.count && c->model.document_mask; i++)
        if (!lm_corpus_watched(s->train.items[i].corpus))
            lm_text_say(out,
                        "warning: model.document_token = %lld never occurs in %s:"
                        " model.document_mask does nothing%s\n",
                        (long long)c->model.document_token, s->train.items[i].path,
                        s->train.count > 1 ? " there" : "");
}
