/* Inside the room: what the formats of exports share. */
#ifndef LM_INTEROP_EXPORT_PARTS_H
#define LM_INTEROP_EXPORT_PARTS_H

#include "interop/export.h"
#include "interop/files.h"
#include "interop/names.h"

/* An export at work. */
typedef struct lm_interop_job {
    const lm_interop_export *e;
    lm_model_options there;     /* lm_interop_exported */
    const float *weights;       /* [total of there]: ours, or folded */
    float *folded;              /* what has to be freed of them */
    lm_interop_tensor *tensors; /* lm_interop_tensors */
    int64_t count;
    lm_text *said;
} lm_interop_job;

/* How a format is written. */
typedef struct lm_interop_kind {
    unsigned dtypes;   /* bit i: it has the dtype number i */
    bool is_directory; /* the output; else a file */
    lm_status (*write)(lm_interop_job *job, lm_error *err);
    /* Is the file at e->output one that lmtrain wrote? NULL: a directory, files.h sees to it. */
    bool (*is_ours)(const char *path);
} lm_interop_kind;
extern const lm_interop_kind lm_interop_kind_hf, lm_interop_kind_gguf, lm_interop_kind_llama2c,
    lm_interop_kind_llama2c_v1, lm_interop_kind_llmc;

/* Takes the next elements of a file, `at` bytes into the tensor. */
typedef lm_status lm_interop_sink(void *to, uint64_t at, const void *bytes, size_t size,
                                  lm_error *err);
/* Gives all of the job's tensor i in the element type, piece after piece. LM_ERR_USAGE when a
 * weight does not fit it. */
lm_status lm_interop_each_piece(const lm_interop_job *job, int64_t i, lm_element element,
                                lm_interop_sink *sink, void *to, lm_error *err);

/* Writes all of the job's tensor i in the element type as tensor `there` of w. Errors: likewise. */
lm_status lm_interop_write_tensor(const lm_interop_job *job, int64_t i, lm_element element,
                                  lm_tensor_writer *w, size_t there, lm_error *err);

/* The tokens with a meaning of their own: those that came in, else the tokenizer's. */
lm_interop_special lm_interop_special_of(const lm_interop_export *e);

/* A sink that appends to a file, an lm_file_writer. */
lm_interop_sink lm_interop_append;
/* A directory of model.bin, which write_model writes, of what add_tokenizer adds, and of our
 * tokenizer.json: for formats without a container of their own. */
lm_status lm_interop_write_model(const lm_interop_job *job,
                                 lm_status (*write_model)(const lm_interop_job *job,
                                                          lm_file_writer *w, lm_error *err),
                                 lm_status (*add_tokenizer)(const lm_interop_job *job,
                                                            lm_interop_files *files, lm_error *err),
                                 lm_error *err);

#endif
