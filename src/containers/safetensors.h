/* safetensors, the file format of Hugging Face's models (github.com/huggingface/safetensors):
 *
 *     +-- u64 N ----------------------------------------------------------------------------+
 *     | N bytes of JSON: {"__metadata__": {"format": "pt"}, "model.norm.weight":            |
 *     |   {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}, ...}, padded by spaces |
 *     +-- the tensors' elements, without gaps ----------------------------------------------+
 *
 *     read:   lm_safetensors_open(&s, path, err);  lm_tensors_find(&s.tensors, name);
 *             lm_file_reader_at(&s.file, t->offset, ...);  lm_safetensors_close(&s);
 *
 *     write:  lm_safetensors_writer w = {0};
 *             lm_safetensors_put(&w, "format", "pt");    // for __metadata__
 *             lm_safetensors_add(&w, "model.norm.weight", LM_ELEMENT_F32, 1, shape);     // 0
 *             lm_safetensors_begin(&w, path, err);       // path.tmp now holds the head
 *             lm_tensor_write(&w.tensors, 0, 0, data, bytes, err);
 *             lm_tensor_writer_commit(&w.tensors, err);
 *             lm_safetensors_writer_free(&w);            // after an error too
 *
 * Read as strictly as the reference library does: at most 100,000,000 bytes of JSON, no name twice,
 * no byte without a tensor, no byte in two. */
#ifndef LM_CONTAINERS_SAFETENSORS_H
#define LM_CONTAINERS_SAFETENSORS_H

#include "containers/tensors.h"

/* ---- reading ----------------------------------------------------------------------------------*/

typedef struct lm_safetensors {
    lm_file_reader file;
    lm_tensors tensors;
    lm_text metadata; /* key, NUL, value, NUL, ...; what lm_safetensors_get looks through */
} lm_safetensors;

/* After an error there is nothing to close. Errors name the place and are `damaged`. */
lm_status lm_safetensors_open(lm_safetensors *s, const char *path, lm_error *err);
const char *lm_safetensors_get(const lm_safetensors *s, const char *key); /* NULL: none */
void lm_safetensors_close(lm_safetensors *s); /* zero-initialised or twice is fine */

/* ---- writing ----------------------------------------------------------------------------------*/

/* Zero-initialise. Names are ours and unique; that memory ran out is said by begin. */
typedef struct lm_safetensors_writer {
    lm_text metadata; /* as JSON */
    lm_tensor_writer tensors;
    bool failed;
} lm_safetensors_writer;

void lm_safetensors_put(lm_safetensors_writer *w, const char *key, const char *value);
/* Tensors are numbered in the order in which they are added; in the file those of the widest type
 * come first, so that all are aligned. `element` must be a dtype of safetensors (asserted). */
void lm_safetensors_add(lm_safetensors_writer *w, const char *name, lm_element element, int ndim,
                        const int64_t *shape);
/* Creates the temporary file with its head. Then each tensor is written (lm_tensor_write). */
lm_status lm_safetensors_begin(lm_safetensors_writer *w, const char *path, lm_error *err);
void lm_safetensors_writer_free(lm_safetensors_writer *w); /* removes an uncommitted temporary */

#endif
