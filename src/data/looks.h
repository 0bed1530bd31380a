/* Inside the room: what a file without a manifest or a header looks like, from a sample of it. */
#ifndef LM_DATA_LOOKS_H
#define LM_DATA_LOOKS_H

#include "data/shard.h"

/* *what: a file that does not hold raw ids of so many bytes (2 or 4) is this, in words: "uint32:
 * every second id is 0", "a ZIP archive"; NULL: it may hold such ids. */
lm_status lm_looks(const lm_shard *s, int bytes, const char **what, lm_error *err);

#endif
