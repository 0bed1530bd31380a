#include "base/file.h"
#include "machine/cpu.h"
#include "train/setup.h"

/* A shard that is in data.train and data.val both; NULL: none. */
static const char *shared_shard(const lm_setup *s) {
    for (int64_t i = 0; s->val && i < lm_corpus_shards(s->val); i++)
        for (int64_t k = 0; k < lm_corpus_shards(s->train); k++)
            if (lm_file_same(lm_corpus_shard_path(s->val, i), lm_corpus_shard_path(s->train, k)))
                return lm_corpus_shard_path(s->val, i);
    return NULL;
}

void lm_setup_print_unused(const lm_setup *s, lm_text *out) {
    lm_sampler_print_unused(&s->sampler, out);
    if (s->val) lm_sampler_print_unused(&s->val_sampler, out);
}

void lm_setup_warnings(const lm_setup *s, lm_text *out) {
    const lm_config *c = s->config;
    const char *shared = shared_shard(s);
    if (s->threads_asked > 0)
        lm_text_say(out,
                    "warning: OMP_NUM_THREADS lowers the number of threads to %d, %d CPUs may be"
                    " used (run.threads and --threads win over it)\n",
                    s->threads_asked, lm_cpu_usable());
    if (shared)
        lm_text_say(out,
                    "warning: %s is in data.train too, so that validation says nothing about"
                    " other text\n",
                    shared);
    if (c->model.document_mask && !lm_corpus_watched(s->train))
        lm_text_say(out,
                    "warning: model.document_token = %lld never occurs in %s:"
                    " model.document_mask does nothing\n",
                    (long long)c->model.document_token, c->data.train);
}
