/* progress.h - one line on the terminal that says how a pipeline is doing */
#ifndef WEFT_PIPELINE_PROGRESS_H
#define WEFT_PIPELINE_PROGRESS_H

#include "pipeline.h"

/* Rewrites the line on fd until ctx is cancelled, then clears it. */
void	progress_run(weft_ctx *ctx, weft_pipeline *p, int fd);

#endif
