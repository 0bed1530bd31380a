/* Inside the room: what the formats that are read share. */
#ifndef LM_INTEROP_SOURCE_PARTS_H
#define LM_INTEROP_SOURCE_PARTS_H

#include "base/file.h"
#include "containers/tensors.h"
#include "interop/source.h"

/* Beyond the types of containers: the int8 of llama2.c's version 2, a scale in fp32 for each group
 * of elements, x = q scale. */
enum { LM_INTEROP_INT8_GROUPS = 1000 };

/* Where a tensor of ours lies in the source. */
typedef struct lm_interop_stored {
    const lm_file_reader *file; /* NULL: nowhere, which is allowed where the tensor is zeros here */
    uint64_t offset;
    int element;     /* lm_element, or LM_INTEROP_INT8_GROUPS */
    uint64_t scales; /* offset of the scales of LM_INTEROP_INT8_GROUPS */
    int64_t group;   /* elements for each */
} lm_interop_stored;

/* How a format is read: open says what the model is; then lm_interop_open resolves the options and
 * lists the tensors, for place to find. */
typedef struct lm_interop_reader {
    const char *name; /* for people */
    /* By the path and, of a file, its first bytes (front [size]; a directory has none). */
    bool (*probe)(const char *path, const unsigned char *front, size_t size);
    /* Sets class, options, and where there are such, tokenizer, kept, said, state. What it
     * leaves is closed after an error too. */
    lm_status (*open)(lm_interop_source *s, lm_error *err);
    lm_status (*place)(lm_interop_source *s, lm_error *err); /* fills s->stored [s->count] */
    void (*close)(lm_interop_source *s);                     /* frees s->state, which may be NULL */
} lm_interop_reader;
extern const lm_interop_reader lm_interop_reader_hf, lm_interop_reader_nanogpt,
    lm_interop_reader_gguf, lm_interop_reader_llama2c, lm_interop_reader_llmc;

/* Options with which lmtrain's models begin, for a reader to set what its file says. */
lm_model_options lm_interop_options(void);

/* ---- by name ----------------------------------------------------------------------------------*/

/* A file of named tensors. */
typedef struct lm_interop_container {
    const lm_file_reader *file;
    const lm_tensors *tensors;
} lm_interop_container;
/* The tensor of that name in any of them; *in (may be NULL) says in which. */
const lm_tensor *lm_interop_find_tensor(const lm_interop_container *list, size_t n,
                                        const char *name, size_t *in);
/* Finds every tensor of s by its name, or, where it is not there, without `prefix` (NULL: none),
 * and checks type and shape. A tensor that is missing, of another shape, of a type that is not
 * read, or that no parameter takes is an error, unless ignored(name) says that it means nothing. */
lm_status lm_interop_place_by_name(lm_interop_source *s, const lm_interop_container *list, size_t n,
                                   const char *prefix, bool (*ignored)(const char *name),
                                   lm_error *err);

/* ---- by order ---------------------------------------------------------------------------------*/

/* A file whose tensors follow one another in the order of s->tensors, from `offset` on. */
typedef struct lm_interop_order {
    const lm_file_reader *file;
    uint64_t offset; /* of the next one; moves on */
    int element;
    int64_t group;    /* of LM_INTEROP_INT8_GROUPS */
    uint64_t skipped; /* bytes that mean nothing, in front of the head */
} lm_interop_order;
/* Norms and biases are fp32 where the element is LM_INTEROP_INT8_GROUPS. Ends with an error unless
 * the last tensor ends where the file does. */
lm_status lm_interop_place_in_order(lm_interop_source *s, lm_interop_order *order, lm_error *err);

#endif
