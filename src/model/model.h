/* The decoder-only transformer, described once.
 *
 *     lm_model_options o = ...;              // from the config
 *     lm_model_resolve(&o, err);             // fills in what depends on other options; checks
 *
 *     lm_model_plan plan;                    // memory and work, before anything is allocated
 *     lm_model_plan_make(&plan, &o, &use, precision, threads);
 *
 *     lm_model *m;
 *     lm_model_create(&m, &o, &use, &compute, err);
 *     lm_model_init(m, seed);                // or fill lm_model_weights(m) from a checkpoint
 *
 *     each step:
 *         lm_model_begin_step(m);
 *         lm_model_begin_gradients(m, NULL);
 *         each micro-batch: lm_model_forward_backward(m, tokens, ...);
 *         lm_model_end_gradients(m);    // lm_model_gradients(m): the gradient of all windows
 *
 * Each sum over tokens is one chain over the windows in their order, so the gradients have the same
 * bits for every way to cut the windows into micro-batches.
 *
 *     lm_model_free(m);
 *
 * Everything else derives from the rows of parameters (name, shape, init, decay): counts, offsets
 * in the one flat array, the memory plan, initialisation, checkpoint names, the optimizer's groups.
 */
#ifndef LM_MODEL_MODEL_H
#define LM_MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/number_list.h"
#include "base/span.h"
#include "nn/activation.h"
#include "nn/ngram.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "ops/compute.h"

typedef enum lm_position_kind {
    LM_POSITION_LEARNED,
    LM_POSITION_ROPE,
    LM_POSITION_NONE, /* the causal mask alone tells the order (Haviv et al. 2022) */
    LM_POSITION_COUNT
} lm_position_kind;
const char *lm_position_name(int kind); /* "learned", "rope", "none"; NULL past the end */

/* Standard deviation of the initial projections that write to the residual stream. Other matrices
 * have init_std, or 1/sqrt(inputs) when that is 0, which then stands for init_std here too; biases
 * begin at 0, weights of norms at 1. */
typedef enum lm_init_kind {
    LM_INIT_GPT2,        /* init_std / sqrt(2 n_layers) */
    LM_INIT_NORMAL,      /* init_std */
    LM_INIT_ZERO_OUTPUT, /* 0: each block begins as the identity (Goyal et al. 2017; Zhang et al.
                            2019) */
    LM_INIT_COUNT
} lm_init_kind;
const char *lm_init_name(int kind); /* "gpt2", ..., NULL past the end */

/* How hyper-parameters carry over to another width and depth (transfer.h). */
typedef enum lm_parametrization {
    LM_STANDARD,
    LM_MUP,       /* to another width (Yang et al. 2022) */
    LM_COMPLETEP, /* and to another depth (Dey et al. 2025) */
    LM_PARAMETRIZATION_COUNT
} lm_parametrization;
const char *lm_parametrization_name(int kind); /* "standard", ...; NULL past the end */

/* What backward computes again instead of keeping it; changes no bit of the result. */
typedef enum lm_recompute_kind {
    LM_RECOMPUTE_NONE,
    LM_RECOMPUTE_ATTENTION, /* queries, keys, values and attention's output */
    LM_RECOMPUTE_BLOCK,     /* everything between a block's input and its output */
    LM_RECOMPUTE_COUNT
} lm_recompute_kind;
const char *lm_recompute_name(int kind); /* "none", "attention", "block"; NULL past the end */

/* Values that the config leaves to the data: lm_model_resolve checks everything else. */
enum {
    LM_VOCAB_UNKNOWN = 0, /* vocab_size: not known yet */
    LM_TOKEN_UNKNOWN = -1 /* document_token: not given; an error when document_mask needs it */
};

enum { LM_MODEL_MOST_WIDTH = 131072 }; /* of d_model */

/* N-gram tables (nn/ngram.h), orders rising. */
typedef struct lm_ngram_tables {
    int64_t count;
    lm_ngram_table at[LM_NGRAM_TABLES_MOST]; /* rows 0: one for each n-gram */
} lm_ngram_tables;

typedef struct lm_model_options {
    int64_t d_model, n_layers, n_heads;
    int64_t n_kv_heads; /* 0: n_heads */
    int64_t head_dim;   /* 0: d_model / n_heads */
    int64_t d_ff;       /* 0: 4 d_model, or 8/3 d_model rounded up to a multiple of 32 when gated */
    int64_t context_length, vocab_size; /* vocab_size may be LM_VOCAB_UNKNOWN until the plan */
    int norm;                           /* lm_norm_kind */
    double norm_eps;
    int position; /* lm_position_kind */
    double rope_theta;
    int64_t rope_dim; /* channels of a head that turn, the first ones; 0: all */
    int rope_scaling; /* lm_rope_scaling; nn/rope.h says what the next four mean */
    double rope_factor, rope_low_freq_factor, rope_high_freq_factor;
    int64_t rope_original_context;
    int mlp;             /* lm_mlp_kind */
    bool qk_norm;        /* RMSNorm of each head's queries and keys, before they are rotated */
    double qk_gain;      /* each head's queries are multiplied behind their norm by a number that is
                            learned from this on; 0: by none */
    bool embedding_norm; /* a norm between the embedding and the first layer */
    bool bias;           /* of linear layers and LayerNorm */
    bool qkv_bias;       /* the same, of the projection to queries, keys and values alone */
    bool norm_bias;      /* the same, of LayerNorm alone */
    bool tie_embeddings;
    lm_ngram_tables ngram_tables; /* added to the embedding, before its norm */
    bool smear;                   /* each embedding receives a share of the one before it */
    int64_t value_embeddings;   /* every so many layers, the last one first, tokens have a row of a
                                 table added to their values; 0: nowhere */
    bool x0_residual;           /* layers read a mean of x and of the embedding, learned each */
    int64_t window;             /* tokens that one attends to, itself included; 0: all before it */
    double attention_softcap;   /* attention scores stay between -this and this; 0: no limit */
    double logit_softcap;       /* the same for the logits */
    double label_smoothing;     /* share of the target spread over all tokens (training) */
    double z_loss;              /* times the squared log of the softmax denominator (training) */
    lm_number_list multi_token; /* weights of the losses of the tokens behind the next one, by the
                                   same logits, the nearest first (training); none: 0 of them */
    int init;                   /* lm_init_kind */
    double init_std;            /* 0: a function of each matrix's inputs */
    int parametrization;        /* lm_parametrization, with what it compares the model's size to: */
    int64_t base_d_model, base_n_layers; /* 0: the model's own */
    double embedding_std;                /* the same of embeddings; 0: init_std */
    bool zero_head;     /* an untied head begins at 0: all tokens are equally likely */
    double dropout;     /* training drops this share of the embedding and of each branch's output */
    int recompute;      /* lm_recompute_kind */
    bool document_mask; /* attention and learned positions start anew at each document_token */
    int64_t document_token; /* the first token of a document; or LM_TOKEN_UNKNOWN */
} lm_model_options;

/* Fill the zeros; refuse inconsistent values, naming both keys ("model.d_model = 100 is not
 * divisible by model.n_heads = 3"). LM_VOCAB_UNKNOWN stays, and what depends on it is not checked:
 * call again once it is known. LM_ERR_USAGE; all problems in one message, one per line. */
lm_status lm_model_resolve(lm_model_options *o, lm_error *err);

/* Where a row stands in the model. */
typedef enum lm_param_role {
    LM_ROLE_VECTOR,    /* weights of norms, biases */
    LM_ROLE_EMBEDDING, /* of tokens or positions; the head too, when it is tied; of values */
    LM_ROLE_HIDDEN,    /* a matrix of a layer */
    LM_ROLE_HEAD,      /* the matrix of an untied head */
    LM_ROLE_TABLE      /* of n-grams: a step reaches few of its rows (lm_model_lines) */
} lm_param_role;

/* Lines of a row that are a matrix of their own: queries, keys, values. */
typedef struct lm_param_part {
    const char *name;     /* "q" */
    int64_t first, lines; /* lines [first, first + lines) of a matrix; elements of a vector */
    int64_t head;         /* lines of each head; divides `lines` */
    bool scores;          /* attention's scores are products of its heads: queries and keys */
} lm_param_part;
enum { LM_PARAM_PARTS_MOST = 3 };

/* By what the optimizer multiplies its values for a row; all 1 in the standard parametrization. */
typedef struct lm_param_factors {
    double lr;          /* of updates that are as large as the rate, whatever the gradient (Adam) */
    double lr_gradient; /* of updates that are as large as the gradient (SGD) */
    double lr_polar;    /* of updates by a matrix's polar factor (Muon) */
    double lr_rms;      /* of those whose elements have the size that Adam's have */
    double eps;
} lm_param_factors;

/* One row of the parameter table. */
typedef struct lm_param {
    char name[48]; /* "h.3.attn.qkv.weight": also its name in checkpoints */
    lm_param_role role;
    int ndim;              /* 1 or 2 */
    int64_t shape[2];      /* [out, in] for matrices */
    int64_t count, offset; /* elements, in the flat arrays; offsets are multiples of 16 */
    double init_std;       /* 0: constant init_value */
    double init_value;
    bool decay; /* weight decay applies (matrices and embeddings, not norms and biases) */
    lm_param_factors factors;
    int n_parts; /* they follow each other and fill the row; 0: the row is one matrix or vector */
    lm_param_part parts[LM_PARAM_PARTS_MOST];
} lm_param;

/* The name of a part, "h.3.attn.qkv.q.weight", or of its head 2, "h.3.attn.qkv.q.2.weight". head
 * -1: of the whole part. */
enum { LM_PARAM_NAME_SIZE = 80 };
void lm_param_part_name(const lm_param *row, int part, int64_t head, char out[LM_PARAM_NAME_SIZE]);

/* Fills rows, in the order of the flat arrays, unless rows is NULL; returns their number. *total:
 * the elements of a flat array. */
int64_t lm_model_params(const lm_model_options *o, lm_param *rows, int64_t *total);

/* What a run will need, computed before anything is allocated. Memory is in bytes. */
typedef struct lm_model_plan {
    int64_t parameters; /* scalars; tied weights count once */
    int64_t tables;     /* those of n-gram tables, which parameters includes */
    int64_t dense;      /* elements of a flat array in front of the tables */
    /* N of the FLOP convention: the elements of all matrices that are multiplied. That is not the
     * position embedding, and the token embedding only if it is the head too. */
    int64_t matrix_parameters;
    /* Forward and backward: 6 N + 12 n_layers n_heads head_dim min(context_length, window). */
    double flops_per_token;
    uint64_t weights, gradients, activations, scratch;
    uint64_t rounded; /* bf16 copies of the layers' weights */
    bool overflow;    /* some size does not fit 64 bits: the caller refuses the plan */
} lm_model_plan;

/* What a model is made for. */
typedef struct lm_model_use {
    int64_t batch;   /* windows, rows of up to context_length tokens, that a pass takes at most */
    int64_t windows; /* training: that passes take between lm_model_begin_gradients and
                        lm_model_end_gradients at most, >= batch; 0: evaluation only. As many as
                        batch: in one pass, which then needs less memory */
    bool keep;       /* lm_model_activation is asked after lm_model_loss, so that nothing else may
                        lie where the activations are */
} lm_model_use;

void lm_model_plan_make(lm_model_plan *plan, const lm_model_options *o, const lm_model_use *use,
                        lm_precision precision, int threads);

typedef struct lm_model lm_model;

/* Allocates exactly what the plan says; reserves compute's scratch. `compute` must outlive the
 * model. */
lm_status lm_model_create(lm_model **model, const lm_model_options *o, const lm_model_use *use,
                          lm_compute *compute, lm_error *err);
void lm_model_free(lm_model *m);
/* A model for the same use, whose weights are those of `of`, their rounded copies too:
 * lm_model_begin_step is called for `of` alone, which outlives it. `compute` has one thread and the
 * scratch of the other's. */
lm_status lm_model_create_beside(lm_model **model, const lm_model *of, lm_compute *compute,
                                 lm_error *err);

/* Initial weights: a function of (seed, row, index) alone. */
void lm_model_init(lm_model *m, uint64_t seed);

const lm_model_options *lm_model_get_options(const lm_model *m);
const lm_param *lm_model_rows(const lm_model *m, int64_t *count);
float *lm_model_weights(lm_model *m);   /* flat [total]; padding between rows stays 0 */
float *lm_model_gradients(lm_model *m); /* its own, flat [total]; NULL without training */
int64_t lm_model_total(const lm_model *m);
/* Elements of a flat array in front of the n-gram tables. */
int64_t lm_model_dense(const lm_model *m);
/* [rows] The lines of each row that the model's own gradients reach, after lm_model_end_gradients:
 * those of a table that the tokens of all passes looked up since passes began to leave their
 * gradients there, and all of the other rows. All others are exactly 0. Valid until the next
 * lm_model_begin_gradients. */
const lm_lines *lm_model_lines(const lm_model *m);
/* Arrays beside the model's own that passes leave gradients in: n, which are 0 in tables; kept. Of
 * these too it is known then which lines of tables passes have reached, and no other may change, so
 * that beginning with them anew takes no longer than those lines. */
void lm_model_set_others(lm_model *m, float *const *others, int n);
/* For whoever adds to the model's own gradients beside its passes: any line of a table may have
 * changed. Then lm_model_lines says so until the next lm_model_begin_gradients. */
void lm_model_touch_all(lm_model *m);
/* The same where it is known which lines: n lists [n][tables], whose `at` is not NULL. */
void lm_model_touch_lines(lm_model *m, const lm_lines *lists, int64_t n);
/* Call it before a step's first pass: makes bf16 copies of the weights from what they are now. */
void lm_model_begin_step(lm_model *m);

/* The flat arrays, by options that a plan has found to fit, in spans of which a pass reads the
 * weights one after another, and of which backward finishes the gradients in reverse: numbers of
 * layers, which lie behind all other rows but n-gram tables, the embeddings of tokens, the other
 * embeddings, each layer, the end. They hold whole rows, lie in any order and leave nothing between
 * them; tables are in none. Fills spans [lm_model_spans], unless it is NULL; returns their number.
 */
int64_t lm_model_spans(const lm_model_options *o, lm_span *spans);
/* Which of them the embeddings of tokens are, if these are the head too; else -1. */
int64_t lm_model_tied_span(const lm_model_options *o);
/* Told of by training passes, in the thread that calls them and between parallel regions; all may
 * be NULL. */
typedef struct lm_model_watch {
    /* The pass reads the first n spans of the weights from now on: with it, weights may change
     * after lm_model_begin_step, up to here. */
    void (*reads)(void *argument, int64_t n);
    /* The pass has added all that it adds to gradients, except to those of the first n spans. What
     * lm_model_end_gradients adds it adds to the embeddings alone, of which nothing is said. */
    void (*finished)(void *argument, int64_t n);
    /* Embeddings that are the head too: the pass has added to them all that it adds. Is it true,
     * then what is still to be added to lm_model_late_lines stays apart: lm_model_end_gradients
     * does not add it, and until the next gradients begin lm_model_late_line has it. */
    bool (*head_finished)(void *argument);
    void *argument;
} lm_model_watch;
/* Lines of the embeddings, as many as it returns, to which the passes since gradients began add
 * what is apart, in rising order; lines may be NULL. */
int64_t lm_model_late_lines(const lm_model *m, int32_t *lines);
/* What such a line adds, [d_model]. */
const float *lm_model_late_line(const lm_model *m, int32_t line);
/* Kept until another call, before a step begins; NULL: none. */
void lm_model_set_watch(lm_model *m, const lm_model_watch *watch);

/* The tokens that a token attends to in the passes that follow, as model.window; 0: all before it.
 * A new model has its option's. */
void lm_model_set_window(lm_model *m, int64_t window);

/* Multi-token prediction: in the training passes that follow, token t predicts t + 1 + k too, with
 * the weight `share` * model.multi_token[k - 1]. Targets lie in the same window, or behind it; with
 * document_mask the document_token that begins the next document is a target, and nothing behind
 * it. label_smoothing is of the next token alone. A new model has share 1. */
void lm_model_set_multi_token(lm_model *m, double share);
/* Of the next training pass: the tokens behind each of its rows, [batch, model.multi_token.count],
 * -1: there is none. NULL, as at first: none of any row. Kept until another call. */
void lm_model_set_tokens_behind(lm_model *m, const int32_t *tokens);

/* The passes that follow leave their gradients in `gradients`, flat [total], which the first of
 * them overwrites. NULL: in the model's own. Until lm_model_end_gradients they mean nothing: some
 * are cleared, those that the first pass overwrites keep old values, others are not there yet. A
 * new model has begun with its own gradients. */
void lm_model_begin_gradients(lm_model *m, float *gradients);
void lm_model_end_gradients(lm_model *m);

/* tokens [batch, time+1]: inputs are columns 0..time-1, targets 1..time (row stride time+1), time
 * <= context_length, batch <= the plan's. Adds grad_scale * d(sum of losses)/d(parameters) to the
 * gradients. Returns the sum of the losses in nats, label smoothing and z-loss included: that of
 * lm_model_window_loss over the windows in order. grad_scale is usually 1 / (tokens of the whole
 * step). */
double lm_model_forward_backward(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time,
                                 float grad_scale);
/* Of the last training pass: that of which it adds the gradient, the sum of the losses and of those
 * of multi_token times their weights, which no other figure contains. */
double lm_model_objective(const lm_model *m);
/* Dropout of the next pass is a function of seed and of first_sample, the number of its first row
 * of tokens, counted through the whole run. Both are 0 at first. */
void lm_model_seed_dropout(lm_model *m, uint64_t seed, uint64_t first_sample);
/* For evaluation: the sum of the negative log-likelihoods, without dropout, label smoothing and
 * z-loss. */
double lm_model_loss(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time);
/* Of the last pass of either kind, valid until the next one: the loss of each token [batch, time],
 * and the sum over window b, in double, tokens in rising order. What adds up windows in order does
 * not depend on how many a pass takes. */
const float *lm_model_losses(const lm_model *m);
double lm_model_window_loss(const lm_model *m, int64_t b);

#endif
