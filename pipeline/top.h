/* top.h - two snapshots as a screen full of text */
#ifndef WEFT_PIPELINE_TOP_H
#define WEFT_PIPELINE_TOP_H

#include "snapshot.h"

/*
 * Appends lines of at most cols bytes of text each, and no more than rows of them (0: any).
 * Rates are those between before and now; before NULL: since the run began.  color: with ANSI
 * attributes, which do not count.
 */
void	top_draw(const struct snapshot *now, const struct snapshot *before, int rows, int cols,
	    bool color, struct buf *out);

#endif
