/* Which of our models is which class elsewhere.
 *
 *     const lm_interop_class *c = lm_interop_find(LM_INTEROP_HF, options, n, &why);
 *     if (!c) ... why has a line for each option that stands in the way ...
 *     lm_model_options there;
 *     lm_interop_exported(c, &o, &there);      // what is stored there: norms folded, and so on
 *
 * The table is an allow-list. A row names the options that its class holds, with the values that it
 * holds; any other option must be off. So an option that is added to the model later is refused
 * until a row names it. Options come as text (name and value, as the config prints them) from
 * whoever knows the config. names.h says what a class calls the parameters.
 *
 * Sources: the models of Hugging Face's transformers 5.24 (modeling_*.py, configuration_*.py) and
 * of llama.cpp v0.5.0 (src/models/); llama2.c's export.py; llm.c's train_gpt2.py. */
#ifndef LM_INTEROP_CLASSES_H
#define LM_INTEROP_CLASSES_H

#include <stdbool.h>

#include "base/text.h"
#include "model/model.h"

typedef enum lm_interop_format {
    LM_INTEROP_HF,         /* a directory for Hugging Face's transformers */
    LM_INTEROP_GGUF,       /* a file for llama.cpp */
    LM_INTEROP_LLAMA2C,    /* llama2.c, version 0: what its run.c reads */
    LM_INTEROP_LLAMA2C_V1, /* version 1, which has a header of its own */
    LM_INTEROP_LLMC,       /* llm.c, version 3 (fp32) or 5 (bf16) */
    LM_INTEROP_FORMATS
} lm_interop_format;
const char *lm_interop_format_name(int format);  /* "hf", "gguf", ...; NULL past the end */
const char *lm_interop_format_title(int format); /* "Hugging Face": for people */

/* One option of a model, of the keys of the config's section model that have an effect. */
typedef struct lm_interop_option {
    const char *name;  /* "window" */
    const char *value; /* "128", "rmsnorm", "true": as the config prints it, without quotes */
    const char *off;   /* the value with which the model is as it was before it had this option */
    const char *depends[2]; /* options without whose values it has no effect; NULL: none */
} lm_interop_option;

/* How a class stores what it holds, beside names. */
enum {
    LM_INTEROP_INTERLEAVED = 1 << 0,    /* rope turns channels 2j and 2j+1: rows of q and k move */
    LM_INTEROP_TRANSPOSED = 1 << 1,     /* matrices of layers are [in, out] */
    LM_INTEROP_MINUS_ONE = 1 << 2,      /* weights of norms are stored less 1 */
    LM_INTEROP_HEAD = 1 << 3,           /* the head is stored even when it is the embedding */
    LM_INTEROP_BY_KIND = 1 << 4,        /* each parameter of all layers before the next one */
    LM_INTEROP_NORM_BIAS = 1 << 5,      /* norms have biases: zeros where our model has none */
    LM_INTEROP_LINEAR_BIAS = 1 << 6,    /* linear layers likewise, all of them */
    LM_INTEROP_BIAS_TOGETHER = 1 << 7,  /* likewise, when one of them has a bias in our model */
    LM_INTEROP_OUTPUT_BIAS = 1 << 8,    /* attention's projection, when q, k and v have biases */
    LM_INTEROP_PADDED_VOCAB = 1 << 9,   /* the embedding is padded to a multiple of 128 rows */
    LM_INTEROP_SHORT_CONTEXT = 1 << 10, /* has no window, but is exact within it: the context
                                           length that is stored is at most the window */
};

struct lm_interop_name;
typedef struct lm_interop_class {
    lm_interop_format format;
    const char *name; /* "LlamaForCausalLM"; in GGUF the architecture, "llama" */
    const char *type; /* model_type of Hugging Face's config.json; NULL in other formats */
    const char *holds;
    unsigned how; /* LM_INTEROP_ bits */
    const struct lm_interop_name *names;
} lm_interop_class;
/* Row i; NULL past the end. */
const lm_interop_class *lm_interop_class_at(int i);
/* By the format and its name, or its type (NULL: none). */
const lm_interop_class *lm_interop_class_named(lm_interop_format format, const char *name);

/* The first class of the format that holds a model of these options; NULL: none does, and *why
 * receives a line for each option that the nearest class does not hold, with what it does hold. */
const lm_interop_class *lm_interop_find(lm_interop_format format, const lm_interop_option *options,
                                        int n, lm_text *why);
/* Does the class hold the option? expected (may be NULL) receives what it holds when it does not.
 * */
bool lm_interop_holds(const lm_interop_class *c, const lm_interop_option *option,
                      const lm_interop_option *options, int n, lm_text *expected);

/* The options of the model that the class is given: those of ours, resolved, but that an embedding
 * norm is folded into the embedding and multipliers into the weights (fold.h), a window that all of
 * the context fits into is none, and the context is short where the class has no window. */
void lm_interop_exported(const lm_interop_class *c, const lm_model_options *ours,
                         lm_model_options *there);
/* D, how many of a head's channels turn, and whether queries, keys and values have biases. */
int64_t lm_interop_head_size(const lm_model_options *o);
int64_t lm_interop_turned(const lm_model_options *o);
bool lm_interop_has_qkv_bias(const lm_model_options *o);

/* Appends a line for each thing that is not the same there although all weights are. */
void lm_interop_remarks(const lm_interop_class *c, const lm_model_options *ours, lm_text *out);

#endif
