/* What a class elsewhere calls our parameters, and where each of its tensors comes from.
 *
 *     lm_interop_tensor *tensors;
 *     int64_t count;
 *     lm_interop_tensors(class, &o, &tensors, &count, err);   // o: lm_interop_exported
 *     out:  lm_interop_put(&tensors[i], weights, first, n, buffer);   // rows of theirs, from ours
 *     in:   lm_interop_take(&tensors[i], buffer, first, n, weights);  // the other way round
 *     free(tensors);
 *
 * A tensor is a part of one parameter of ours (the queries' rows of attn.qkv), its rows in another
 * order or its axes exchanged, or it is zeros where our model has no such bias. Out and in are the
 * same list, so that what was written is read back to the same bits. */
#ifndef LM_INTEROP_NAMES_H
#define LM_INTEROP_NAMES_H

#include "interop/classes.h"

/* A parameter without its ".weight" or ".bias"; '*' is the layer. Rows of layers stand together. */
typedef struct lm_interop_name {
    const char *ours;   /* "h.*.attn.qkv"; NULL ends the table */
    const char *theirs; /* "model.layers.*.self_attn.q_proj" */
    char part;          /* 'q', 'k', 'v': these rows of ours; 0: all */
} lm_interop_name;

extern const lm_interop_name lm_interop_names_llama[], lm_interop_names_starcoder2[],
    lm_interop_names_gpt2[], lm_interop_names_gguf[], lm_interop_names_gguf_gpt2[],
    lm_interop_names_llama2c[], lm_interop_names_llama2c_v1[], lm_interop_names_llmc[];

typedef struct lm_interop_tensor {
    char name[80];         /* theirs */
    char ours[48];         /* the parameter; "" when there is none: zeros */
    char part;             /* of it: see lm_interop_name */
    int ndim;              /* 1 or 2 */
    int64_t shape[2];      /* theirs, C order; shape[1] is 1 when ndim is 1 */
    int64_t offset;        /* in our flat arrays; -1: zeros */
    int64_t rows, columns; /* of ours */
    bool transposed;       /* theirs is [columns, rows] */
    int64_t head_size;     /* > 0: rows of each head are interleaved there */
    float add;             /* theirs = ours + add */
    bool is_head;          /* the head of a model that has tied it to the embedding */
    bool is_embedding;     /* a row per token or position */
} lm_interop_tensor;

/* The tensors of a model with these options (resolved), in the order of the class's files;
 * malloc'd. Every parameter of ours is in exactly one of them, or in two: a tied head. An embedding
 * that is padded there has more rows in shape than in `rows`: zeros. */
lm_status lm_interop_tensors(const lm_interop_class *c, const lm_model_options *o,
                             lm_interop_tensor **tensors, int64_t *count, lm_error *err);

/* Rows [first, first + n) of theirs. put overwrites out [n, shape[1]]; take overwrites their place
 * in weights, our flat array, and passes over zeros and padding. */
void lm_interop_put(const lm_interop_tensor *t, const float *weights, int64_t first, int64_t n,
                    float *out);
void lm_interop_take(const lm_interop_tensor *t, const float *in, int64_t first, int64_t n,
                     float *weights);

#endif
