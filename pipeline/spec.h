/* spec.h - copies of options, and texts by which two can be compared */
#ifndef WEFT_PIPELINE_SPEC_H
#define WEFT_PIPELINE_SPEC_H

#include "base/buf.h"
#include "pipeline.h"

void	source_options_copy(struct weft_source_options *to, const struct weft_source_options *o);
void	source_options_finish(struct weft_source_options *o);
void	output_options_copy(struct weft_output_options *to, const struct weft_output_options *o);
void	output_options_finish(struct weft_output_options *o);

/* Equal for equal options and certificates, and for no others; yours to free. */
char	*source_spec(const struct weft_source_options *o);
char	*output_spec(const struct weft_output_options *o);

#endif
