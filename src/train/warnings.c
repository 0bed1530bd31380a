#include <inttypes.h>

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

void lm_setup_print_unused(const lm_setup *s, lm_text *out) {
    for (int64_t i = 0; i < s->train.count; i++)
        lm_sampler_print_unused(&s->train.items[i].sampler, out);
    for (int64_t i = 0; i < s->val.count; i++)
        lm_sampler_print_unused(&s->val.items[i].sampler, out);
    int64_t skipped = lm_skips_count(&s->skips, 0, LM_SKIPS_MOST_WINDOW + 1);
    if (skipped > 0)
        lm_text_say(out, "not used of data.train: %" PRId64 " window%s by data.skip\n", skipped,
                    skipped == 1 ? "" : "s");
}

void lm_setup_warnings(const lm_setup *s, lm_text *out) {
    const lm_config *c = s->config;
    if (s->threads_asked > 0)
        lm_text_say(out,
                    "warning: OMP_NUM_THREADS makes the number of threads %d, %d CPUs may be"
                    " used (run.threads and --threads win over it)\n",
                    s->threads_asked, lm_cpu_usable());
    warn_of_shared(s, out);
    for (int64_t i = 0; i < s->train.count && c->model.document_mask; i++)
        if (!lm_corpus_watched(s->train.items[i].corpus))
            lm_text_say(out,
                        "warning: model.document_token = %lld never occurs in %s:"
                        " model.document_mask does nothing%s\n",
                        (long long)c->model.document_token, s->train.items[i].path,
                        s->train.count > 1 ? " there" : "");
}
