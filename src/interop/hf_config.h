/* config.json and generation_config.json of Hugging Face's transformers, both spellings of what
 * version 5 renamed (rope_parameters and rope_theta, dtype and torch_dtype). */
#ifndef LM_INTEROP_HF_CONFIG_H
#define LM_INTEROP_HF_CONFIG_H

#include "base/json.h"
#include "interop/classes.h"

/* How the keys of a class are called in config.json, for those that differ between classes. A class
 * without a row has keys of its own altogether (GPT-2). */
typedef struct lm_interop_hf_keys {
    const char *type;           /* the class's */
    const char *norm_eps;       /* "rms_norm_eps" */
    const char *attention_bias; /* the key that says whether q, k and v have biases; NULL: none */
    const char *mlp_bias;       /* and the MLP; NULL: none */
    bool window;                /* has sliding_window */
    bool window_types;          /* and layer_types, use_sliding_window, max_window_layers */
    bool partial;               /* has partial_rotary_factor, which is not 1 by default */
} lm_interop_hf_keys;
const lm_interop_hf_keys *lm_interop_hf_keys_of(const char *type); /* NULL: no row */

/* hidden_act or activation_function of an MLP, and the MLP of such a name; -1: not known. */
const char *lm_interop_hf_activation(const lm_interop_class *c, int mlp);
int lm_interop_hf_mlp(const char *activation, bool gated);

/* With this factor linear scaling of rope turns nothing: positions do not enter. */
#define LM_INTEROP_NO_ROTATION 1e30

/* Tokens with a meaning of their own; -1: none. A text may end at one of several tokens (Llama 3
 * Instruct: at the end of a text, of a turn, of a call): the first of them is eos. */
enum { LM_INTEROP_MORE_ENDS = 31 };
typedef struct lm_interop_special {
    int32_t bos, eos, pad;
    int32_t more[LM_INTEROP_MORE_ENDS]; /* [n_more] tokens that end a text too */
    int32_t n_more;
} lm_interop_special;
/* Adds a token at which a text ends, unless it is there already; id < 0: none. False: there is no
 * room for it. */
bool lm_interop_add_end(lm_interop_special *s, int32_t id);
/* Token number i at which a text ends, eos first; -1: there are no more. */
int32_t lm_interop_end_at(const lm_interop_special *s, int32_t i);
/* GGUF's keys for them, one token each: llama.cpp ends a text at any of these tokens, and at those
 * with names that it knows ("<|eot_id|>"). A NULL behind them. */
extern const char *const lm_interop_gguf_ends[];
/* The member eos_token_id: a number, or a list of several. There must be an eos. */
void lm_interop_put_ends(lm_json_writer *w, const lm_interop_special *s);

/* Append the texts. o: what is exported (lm_interop_exported), of a class of LM_INTEROP_HF; dtype
 * is PyTorch's name of the weights' type, "float32". */
void lm_interop_hf_config(const lm_interop_class *c, const lm_model_options *o,
                          const lm_interop_special *special, const char *dtype, lm_text *out);
void lm_interop_hf_generation(const lm_interop_special *special, lm_text *out);

#endif
