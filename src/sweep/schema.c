/* What is printed about sweep files: the schema and the reference. */
#include "sweep/sweep.h"

void lm_sweep_print_schema(lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_schema(&w, "lmtrain sweep");
    lm_json_object(&w, "sweep", LM_JSON_LINES);
    lm_json_string(&w, "type", "object");
    lm_json_boolean(&w, "additionalProperties", false);
    lm_json_object(&w, "properties", LM_JSON_LINES);
    lm_sweep_options_schema(&w);
    lm_json_end(&w);
    lm_json_array(&w, "required", LM_JSON_LINE);
    lm_json_string(&w, NULL, "dir");
    lm_json_end(&w);
    lm_json_end(&w);
    lm_json_object(&w, "base", LM_JSON_LINES);
    lm_json_string(&w, "description",
                   "A run config (lmtrain train --print-schema), or the path of one; run.dir is not"
                   " needed.");
    lm_json_array(&w, "type", LM_JSON_LINE);
    lm_json_string(&w, NULL, "string");
    lm_json_string(&w, NULL, "object");
    lm_json_end(&w);
    lm_json_end(&w);
    lm_json_object(&w, "space", LM_JSON_LINES);
    lm_json_string(&w, "type", "object");
    lm_space_schema(&w);
    lm_json_end(&w);
    lm_json_object(&w, "constraints", LM_JSON_LINES);
    lm_json_string(&w, "description", "Expressions that hold for every setting.");
    lm_json_string(&w, "type", "array");
    lm_json_object(&w, "items", LM_JSON_LINE);
    lm_json_string(&w, "type", "string");
    lm_json_end(&w);
    lm_json_end(&w);
    lm_json_end(&w);
    lm_json_array(&w, "required", LM_JSON_LINE);
    lm_json_string(&w, NULL, "sweep");
    lm_json_string(&w, NULL, "base");
    lm_json_end(&w);
    lm_json_end(&w);
    lm_text_printf(out, "\n");
}

void lm_sweep_print_reference(lm_text *out) {
    lm_text_printf(out, "| key | takes | default | meaning |\n|---|---|---|---|\n");
    lm_sweep_options_reference(out);
    lm_text_printf(out, "\n| a key of `space` may have | which is |\n|---|---|\n");
    lm_space_reference(out);
}
