/* The parts of a checkpoint in the order of the file, for those who compress chunks: one process
 * (write.c) or several together (together.c). Inside the room. */
#ifndef LM_CHECKPOINT_FRAME_H
#define LM_CHECKPOINT_FRAME_H

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/planes.h"
#include "checkpoint/zip.h"

typedef struct lm_frame {
    const lm_checkpoint_array *arrays;
    int64_t n;
    const lm_checkpoint_text *texts;
    int64_t n_texts;
    lm_file_writer file;
    bool blind;             /* places are found, and nothing is written */
    uint64_t offset;        /* where the next byte goes */
    lm_zip_member *members; /* n + n_texts + 1 */
    lm_text meta;           /* meta.json: the caller's object, and "arrays" as its last member, */
    lm_json_writer index;   /* written array by array */
    lm_digest digest;       /* of the present array */
    lm_error *err;
} lm_frame;

/* What compressing a chunk gives, beside its bytes. */
typedef struct lm_frame_chunk {
    uint64_t digest;
    uint32_t size, crc; /* bytes; of the plane's bytes */
} lm_frame_chunk;

/* Splits off a plane of x [length] into split [LM_PLANE_CHUNK] and compresses that into out
 * [LM_PLANE_BOUND]. For any thread. */
lm_frame_chunk lm_frame_compress(lm_plane_coder *coder, int64_t length, const float *x, int plane,
                                 unsigned char *split, unsigned char *out);

/* Takes memory, checks names, and begins meta.json. The caller has filled in arrays to n_texts and
 * err; it opens the file unless the frame is blind. */
lm_status lm_frame_begin(lm_frame *f, const char *meta_json);
void lm_frame_free(lm_frame *f); /* aborts a file that was not committed */
lm_status lm_frame_no_memory(const lm_frame *f);

/* For each array in turn: begin, then each chunk in its order, then end. */
lm_status lm_frame_begin_array(lm_frame *f, int64_t i);
/* A chunk of so many elements: returns where in the file it goes. */
uint64_t lm_frame_place(lm_frame *f, int64_t i, const lm_frame_chunk *c, int64_t length);
lm_status lm_frame_end_array(lm_frame *f, int64_t i);

/* Behind the last array: texts, meta.json and the directory. */
lm_status lm_frame_end(lm_frame *f);

#endif
