/* model.ngram_tables in configs: a list of objects. */
#ifndef LM_CONFIG_TABLES_H
#define LM_CONFIG_TABLES_H

#include "base/json.h"
#include "base/text.h"
#include "containers/json_tree.h"
#include "model/model.h"

void lm_tables_write(const lm_ngram_tables *t, lm_json_writer *w, const char *name);
/* Overwrites *t; false, and *t as it was: the value is not what lm_tables_describe says. */
bool lm_tables_take(lm_ngram_tables *t, const lm_json_node *value);
/* The same from JSON text. */
bool lm_tables_parse(lm_ngram_tables *t, const char *text);
void lm_tables_describe(lm_text *out);
/* Members of a JSON Schema that describe the value. */
void lm_tables_write_schema(lm_json_writer *w);

#endif
