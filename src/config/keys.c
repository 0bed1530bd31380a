#include "config/keys.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(member)   offsetof(lm_config, member)
#define SIZE_MOST    2147483647.0
#define COUNT_MOST   9007199254740991.0 /* 2^53 - 1: beyond, a JSON number may mean a neighbour */
#define STEPS_MOST   9999999999.0       /* ten digits in a checkpoint's name */
#define THREADS_MOST 1024
#define TINY         1e-30 /* of what must not be 0: less may be, in fp32 */

static bool has_validation(const lm_config *c) {
    return c->data.val && *c->data.val;
}
static bool uses_rope(const lm_config *c) {
    return c->model.position == LM_POSITION_ROPE;
}
static bool masks_documents(const lm_config *c) {
    return c->model.document_mask;
}
static bool uses_min_lr(const lm_config *c) {
    return lm_schedule_uses_min(c->schedule.kind);
}
#define USES(option)                                          \
    static bool uses_##option(const lm_config *c) {           \
        return lm_optimizer_uses(c->optimizer.kind, #option); \
    }
USES(beta1)
USES(beta2)
USES(eps)
USES(momentum)
USES(weight_decay)

/* clang-format off */
#define INTEGER(member_, low_, high_, standard_) \
    .type = LM_KEY_INTEGER, .offset = AT(member_), .low = (low_), .high = (high_), .standard = (standard_)
#define REAL(member_, low_, high_, standard_) \
    .type = LM_KEY_REAL, .offset = AT(member_), .low = (low_), .high = (high_), .standard = (standard_)
#define POSITIVE(member_, high_, standard_) REAL(member_, 0, high_, standard_), .above_low = true
#define BOOLEAN(member_, standard_) .type = LM_KEY_BOOLEAN, .offset = AT(member_), .standard = (standard_)
#define TEXT(member_) .type = LM_KEY_TEXT, .offset = AT(member_), .standard = ""
#define CHOICE(member_, choice_, standard_) \
    .type = LM_KEY_CHOICE, .offset = AT(member_), .choice = (choice_), .standard = (standard_)
#define WHEN(applies_, depends_) .applies = (applies_), .depends = (depends_)
#define FREE .may_change = true

const lm_key lm_keys[] = {
    {"run.dir", TEXT(run.dir), .required = true, FREE,
     .help = "the run directory, made when missing: config, metrics, checkpoints, summary"},
    {"run.seed", INTEGER(run.seed, 0, COUNT_MOST, "1"),
     .help = "of initial weights and data order"},
    {"run.init_from", TEXT(run.init_from),
     .help = "a checkpoint, or a run's directory, whose weights a new run begins with (finetuning); empty: random weights"},
    {"run.threads", INTEGER(run.threads, 0, THREADS_MOST, "0"), FREE,
     .help = "0: as many as CPUs may be used; never changes a bit of the result"},
    {"run.interrupt_exit_code", INTEGER(run.interrupt_exit_code, 4, 125, "4"), FREE,
     .help = "when stopped by a signal or before_wall, for schedulers that requeue by it (75: EX_TEMPFAIL; 99: Grid Engine)"},

    {"model.preset", CHOICE(preset, lm_preset_name, "none"), FREE,
     .help = "sets norm, position, mlp, bias, tie_embeddings and init as GPT-2 (Radford et al. 2019) or LLaMA (Touvron et al. 2023) has them; keys given beside it win"},
    {"model.d_model", INTEGER(model.d_model, 1, SIZE_MOST, "256"), .help = "width: channels a token"},
    {"model.n_layers", INTEGER(model.n_layers, 1, SIZE_MOST, "6"), .help = "blocks of attention and MLP"},
    {"model.n_heads", INTEGER(model.n_heads, 1, SIZE_MOST, "8"),
     .help = "attention heads (Vaswani et al. 2017); divides d_model"},
    {"model.n_kv_heads", INTEGER(model.n_kv_heads, 0, SIZE_MOST, "0"),
     .help = "key/value heads, shared by groups of heads (Ainslie et al. 2023); 0: n_heads"},
    {"model.d_ff", INTEGER(model.d_ff, 0, SIZE_MOST, "0"),
     .help = "width of the MLP; 0: 4 d_model (Vaswani et al. 2017), for swiglu 8/3 d_model (Shazeer 2020) rounded up to a multiple of 32"},
    {"model.context_length", INTEGER(model.context_length, 1, SIZE_MOST, "256"),
     .help = "tokens a prediction may look back on; also the length of training windows"},
    {"model.vocab_size", INTEGER(model.vocab_size, 0, SIZE_MOST, "0"),
     .help = "0: from the data's manifest or tokenizer"},
    {"model.norm", CHOICE(model.norm, lm_norm_name, "rmsnorm"),
     .help = "before each block part and the head (Ba et al. 2016; Zhang & Sennrich 2019)"},
    {"model.norm_eps", REAL(model.norm_eps, TINY, 1, "1e-05"),
     .help = "added to the variance (Ba et al. 2016; Zhang & Sennrich 2019)"},
    {"model.position", CHOICE(model.position, lm_position_name, "rope"),
     .help = "learned vectors (Vaswani et al. 2017), rotations (Su et al. 2021) or none (Haviv et al. 2022)"},
    {"model.rope_theta", REAL(model.rope_theta, 1, 1e12, "10000"), WHEN(uses_rope, "model.position"),
     .help = "base of the rotations' wavelengths (Su et al. 2021: 10000; Xiong et al. 2023: larger for long contexts)"},
    {"model.mlp", CHOICE(model.mlp, lm_mlp_name, "swiglu"),
     .help = "its non-linearity (gelu: Hendrycks & Gimpel 2016; swiglu: Shazeer 2020; relu2: So et al. 2021)"},
    {"model.qk_norm", BOOLEAN(model.qk_norm, "false"),
     .help = "RMSNorm of each head's queries and keys (Henry et al. 2020; Dehghani et al. 2023)"},
    {"model.embedding_norm", BOOLEAN(model.embedding_norm, "false"),
     .help = "a norm behind the embedding too (Dettmers et al. 2022; Le Scao et al. 2022)"},
    {"model.window", INTEGER(model.window, 0, SIZE_MOST, "0"),
     .help = "a token sees so many tokens, itself included (Child et al. 2019; Jiang et al. 2023); 0: all"},
    {"model.attention_softcap", REAL(model.attention_softcap, 0, 1e6, "0"),
     .help = "attention's scores become c tanh(score / c) (Gemma Team 2024: 50); 0: as they are"},
    {"model.logit_softcap", REAL(model.logit_softcap, 0, 1e6, "0"),
     .help = "logits become c tanh(logit / c) (Bello et al. 2016; Gemma Team 2024: 30); 0: as they are"},
    {"model.label_smoothing", REAL(model.label_smoothing, 0, 0.99, "0"), FREE,
     .help = "share of the training loss that wants all tokens alike (Szegedy et al. 2016); not in validation"},
    {"model.z_loss", REAL(model.z_loss, 0, 1, "0"), FREE,
     .help = "times log^2 of the softmax denominator, in the training loss (Chowdhery et al. 2022: 1e-4)"},
    {"model.bias", BOOLEAN(model.bias, "false"),
     .help = "biases in linear layers and LayerNorm (none: Chowdhery et al. 2022)"},
    {"model.tie_embeddings", BOOLEAN(model.tie_embeddings, "true"),
     .help = "the head is the token embedding (Press & Wolf 2017)"},
    {"model.init", CHOICE(model.init, lm_init_name, "gpt2"),
     .help = "of projections into the residual stream: init_std over sqrt(2 n_layers) (Radford et al. 2019), init_std, or 0 (Zhang et al. 2019)"},
    {"model.init_std", REAL(model.init_std, TINY, 10, "0.02"),
     .help = "standard deviation of initial weights (Radford et al. 2018: 0.02)"},
    {"model.dropout", REAL(model.dropout, 0, 0.99, "0"), FREE,
     .help = "of the embedding and of what attention and MLP add, in training (Srivastava et al. 2014)"},
    {"model.document_mask", BOOLEAN(model.document_mask, "false"),
     .help = "attention and learned positions do not cross document_token (Raffel et al. 2020; Grattafiori et al. 2024)"},
    {"model.document_token", INTEGER(model.document_token, 0, SIZE_MOST, "0"),
     WHEN(masks_documents, "model.document_mask"), .help = "the token that begins a document; to be given with document_mask"},
    {"model.recompute", CHOICE(model.recompute, lm_recompute_name, "none"), FREE,
     .help = "activations computed again instead of kept (attention: Korthikanti et al. 2022; block: Chen et al. 2016); no bit changes"},

    {"data.train", TEXT(data.train), .required = true, FREE,
     .help = "training tokens: a shard, a directory of shards, or a pattern"},
    {"data.val", TEXT(data.val), FREE, .help = "validation tokens, likewise; empty: no validation"},
    {"data.tokenizer", TEXT(data.tokenizer), .help = "empty: what the manifest of data.train says"},
    {"data.shuffle", BOOLEAN(data.shuffle, "true"),
     .help = "windows in a new order each epoch; false: in file order"},

    {"train.steps", INTEGER(train.steps, 1, STEPS_MOST, "1000"), FREE, .help = "updates of the weights"},
    {"train.micro_batch", INTEGER(train.micro_batch, 1, SIZE_MOST, "16"), FREE,
     .help = "windows computed at once: decides the memory"},
    {"train.grad_accumulation", INTEGER(train.grad_accumulation, 1, SIZE_MOST, "1"), FREE,
     .help = "micro-batches summed up for one update"},
    {"train.clip_norm", REAL(train.clip_norm, 0, 1e12, "1"), FREE,
     .help = "gradients of a larger norm are scaled down to it (Pascanu et al. 2013); 0: never"},
    {"train.precision", CHOICE(train.precision, lm_precision_name, "fp32"), FREE,
     .help = "of what matrices are multiplied from; sums, weights and optimizer are fp32. bf16 is faster where the CPU has dot products of it (avx512bf16), and the same bits elsewhere"},

    {"optimizer.name", CHOICE(optimizer.kind, lm_optimizer_name, "adamw"),
     .help = "Kingma & Ba 2015 (adam), Loshchilov & Hutter 2019 (adamw), Sutskever et al. 2013 (momentum)"},
    {"optimizer.lr", POSITIVE(optimizer.lr, 1e6, "0.001"), FREE, .help = "learning rate at the schedule's top"},
    {"optimizer.beta1", REAL(optimizer.beta1, 0, 0.9999999, "0.9"), FREE, WHEN(uses_beta1, "optimizer.name"),
     .help = "decay of the first moment"},
    {"optimizer.beta2", REAL(optimizer.beta2, 0, 0.9999999, "0.99"), FREE, WHEN(uses_beta2, "optimizer.name"),
     .help = "decay of the second moment"},
    {"optimizer.eps", REAL(optimizer.eps, TINY, 1, "1e-08"), FREE, WHEN(uses_eps, "optimizer.name"),
     .help = "added to the root of the second moment"},
    {"optimizer.momentum", REAL(optimizer.momentum, 0, 0.9999999, "0.9"), FREE,
     WHEN(uses_momentum, "optimizer.name"), .help = "share of the last update kept"},
    {"optimizer.weight_decay", REAL(optimizer.weight_decay, 0, 1e6, "0.1"), FREE,
     WHEN(uses_weight_decay, "optimizer.name"),
     .help = "pull towards 0 of matrices and embeddings, times the learning rate"},

    {"schedule.name", CHOICE(schedule.kind, lm_schedule_name, "cosine"), FREE,
     .help = "of the learning rate after the warm-up (Loshchilov & Hutter 2017)"},
    {"schedule.warmup_steps", INTEGER(schedule.warmup_steps, 0, STEPS_MOST, "100"), FREE,
     .help = "steps in which the learning rate rises from 0; left out: 100, or a tenth of steps if that is less"},
    {"schedule.min_lr_ratio", REAL(schedule.min_lr_ratio, 0, 1, "0.1"), FREE,
     WHEN(uses_min_lr, "schedule.name"), .help = "learning rate of the last step, as a share of lr"},

    {"eval.every", INTEGER(eval.every, 0, STEPS_MOST, "250"), FREE, WHEN(has_validation, "data.val"),
     .help = "steps between evaluations; 0: only at the end"},
    {"eval.tokens", INTEGER(eval.tokens, 0, COUNT_MOST, "131072"), FREE, WHEN(has_validation, "data.val"),
     .help = "validation tokens an evaluation reads, spread evenly; 0: all"},

    {"checkpoint.every", INTEGER(checkpoint.every, 0, STEPS_MOST, "500"), FREE,
     .help = "steps between checkpoints; 0: only at the end"},
    {"checkpoint.keep_last", INTEGER(checkpoint.keep_last, 1, SIZE_MOST, "2"), FREE,
     .help = "newest checkpoints kept"},
    {"checkpoint.keep_every", INTEGER(checkpoint.keep_every, 0, STEPS_MOST, "0"), FREE,
     .help = "checkpoints of steps that are multiples of it are kept for good; 0: none"},
    {"checkpoint.keep_best", INTEGER(checkpoint.keep_best, 0, SIZE_MOST, "0"), FREE,
     WHEN(has_validation, "data.val"),
     .help = "checkpoints kept for the lowest validation loss, as it was last evaluated before them"},
    {"checkpoint.before_wall", INTEGER(checkpoint.before_wall, 0, 1e6, "60"), FREE,
     .help = "seconds before the end of the scheduler's job (SLURM_JOB_END_TIME) by which a checkpoint is written and the run stopped; 0: never"},

    {"log.every", INTEGER(log.every, 1, STEPS_MOST, "10"), FREE,
     .help = "steps between lines of progress where there is no terminal"},
    {"log.digest_every", INTEGER(log.digest_every, 0, STEPS_MOST, "10"), FREE,
     .help = "steps between those whose weights enter the digest of metrics.jsonl, as every batch does; 0: none"},
};
/* clang-format on */
const int lm_n_keys = sizeof lm_keys / sizeof *lm_keys;

int lm_key_find(const char *path) {
    for (int i = 0; i < lm_n_keys; i++)
        if (strcmp(lm_keys[i].path, path) == 0) return i;
    return -1;
}

bool lm_key_applies(const lm_key *k, const lm_config *c) {
    return !k->applies || k->applies(c);
}

/* ---- one value ---------------------------------------------------------------------------------*/

static void *place(const lm_key *k, lm_config *c) {
    return (char *)c + k->offset;
}
static const void *look(const lm_key *k, const lm_config *c) {
    return (const char *)c + k->offset;
}

void lm_key_print(const lm_key *k, const lm_config *c, lm_text *out) {
    const void *p = look(k, c);
    switch (k->type) {
    case LM_KEY_INTEGER:
        lm_text_printf(out, "%" PRId64, *(const int64_t *)p);
        break;
    case LM_KEY_REAL:
        lm_text_json_number(out, *(const double *)p);
        break;
    case LM_KEY_BOOLEAN:
        lm_text_printf(out, *(const bool *)p ? "true" : "false");
        break;
    case LM_KEY_TEXT:
        lm_text_json_string(out, *(char *const *)p);
        break;
    case LM_KEY_CHOICE:
        lm_text_json_string(out, k->choice(*(const int *)p));
        break;
    }
}

void lm_key_describe(const lm_key *k, lm_text *out) {
    switch (k->type) {
    case LM_KEY_INTEGER:
    case LM_KEY_REAL:
        lm_text_printf(out, k->type == LM_KEY_INTEGER ? "a whole number " : "a number ");
        lm_text_printf(out, k->above_low ? "above " : "from ");
        lm_text_json_number(out, k->low);
        lm_text_printf(out, k->above_low ? ", at most " : " to ");
        if (k->high == floor(k->high) && k->high < 1e17) {
            lm_text_printf(out, "%.0f", k->high);
        } else {
            lm_text_json_number(out, k->high);
        }
        break;
    case LM_KEY_BOOLEAN:
        lm_text_printf(out, "true or false");
        break;
    case LM_KEY_TEXT:
        lm_text_printf(out, "a text");
        break;
    case LM_KEY_CHOICE:
        lm_text_printf(out, "one of: ");
        for (int i = 0; k->choice(i); i++) lm_text_printf(out, "%s%s", i ? ", " : "", k->choice(i));
        break;
    }
}

bool lm_key_accepts_number(const lm_key *k, double x) {
    if (!(x >= k->low && x <= k->high) || (k->above_low && x == k->low)) return false;
    return k->type != LM_KEY_INTEGER || x == floor(x);
}

int lm_key_choice(const lm_key *k, const char *name) {
    for (int i = 0; k->choice(i); i++)
        if (strcmp(k->choice(i), name) == 0) return i;
    return -1;
}

void lm_key_set_number(const lm_key *k, lm_config *c, double x) {
    void *p = place(k, c);
    if (k->type == LM_KEY_INTEGER) {
        *(int64_t *)p = (int64_t)x;
    } else if (k->type == LM_KEY_REAL) {
        *(double *)p = x;
    } else {
        LM_ASSERT(k->type == LM_KEY_CHOICE);
        *(int *)p = (int)x;
    }
}

void lm_key_set_boolean(const lm_key *k, lm_config *c, bool x) {
    *(bool *)place(k, c) = x;
}

bool lm_key_set_text(const lm_key *k, lm_config *c, const char *x) {
    char **p = place(k, c), *copy = strdup(x);
    if (!copy) return false;
    free(*p);
    *p = copy;
    return true;
}

/* ---- all of them -------------------------------------------------------------------------------*/

void lm_key_set_standard(const lm_key *k, lm_config *c, const char *standard) {
    switch (k->type) {
    case LM_KEY_INTEGER:
    case LM_KEY_REAL:
        lm_key_set_number(k, c, strtod(standard, NULL));
        break;
    case LM_KEY_BOOLEAN:
        lm_key_set_boolean(k, c, strcmp(standard, "true") == 0);
        break;
    case LM_KEY_TEXT:
        (void)lm_key_set_text(k, c, standard); /* lm_config_parse finds it missing */
        break;
    case LM_KEY_CHOICE:
        lm_key_set_number(k, c, lm_key_choice(k, standard));
        break;
    }
}

void lm_config_defaults(lm_config *c) {
    memset(c, 0, sizeof *c);
    for (int i = 0; i < lm_n_keys; i++) lm_key_set_standard(&lm_keys[i], c, lm_keys[i].standard);
}

void lm_config_free(lm_config *c) {
    for (int i = 0; i < lm_n_keys; i++) {
        if (lm_keys[i].type != LM_KEY_TEXT) continue;
        char **p = place(&lm_keys[i], c);
        free(*p);
        *p = NULL;
    }
}
