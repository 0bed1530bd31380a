/* Events for TensorBoard: figures and texts by step, in a file of the run directory.
 *
 *     lm_events e;
 *     lm_events_open(&e, "runs/book", 600, err);      // the run goes on after step 600
 *     lm_events_begin(&e, 601);
 *     lm_events_scalar(&e, "loss", 1.83);  ...
 *     lm_events_text(&e, "sample", "Once upon a time");
 *     lm_events_end(&e);                              // one record
 *     lm_events_close(&e);
 *
 * The file is events.out.tfevents.SECONDS.HOST.PID: records of TFRecord,
 *
 *     u64 length, u32 masked CRC-32C of it, payload, u32 masked CRC-32C of the payload
 *     masked(crc) = rotate_right(crc, 15) + 0xA282EAD8
 *
 * each payload an Event of tensorboard's event.proto. Each session of a run writes a file of its
 * own; that of a resumed one begins with a SessionLog START, by which readers drop what earlier
 * files hold from that step on.
 *
 * Names and texts from outside are shown as text: control characters are escapes, as in messages,
 * and a text is a block of code in TensorBoard's Markdown. */
#ifndef LM_REPORT_TENSORBOARD_H
#define LM_REPORT_TENSORBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct lm_events {
    char *path; /* NULL: closed */
    int fd;
    lm_text waiting; /* records that are not written yet */
    lm_text summary; /* values of the event that was begun */
    int64_t step;    /* its step */
    bool failed;     /* records were lost: nothing more is written; `why` says it */
    lm_error why;
} lm_events;

/* A new file in the directory. after: the step that the run goes on from, 0: it begins. */
lm_status lm_events_open(lm_events *e, const char *directory, int64_t after, lm_error *err);
void lm_events_begin(lm_events *e, int64_t step);
void lm_events_scalar(lm_events *e, const char *tag, double value);
void lm_events_text(lm_events *e, const char *tag, const char *text);
/* Writes the record. One that cannot be written, since the disk is full, waits for the next; when
 * a megabyte waits, the file ends there. No error: *e says it. */
void lm_events_end(lm_events *e);
void lm_events_close(lm_events *e); /* zero-initialised or twice is fine */

#endif
