/*
 * ours.h - the files that outputs write, so that no source reads them
 *
 * A pipeline that reads what it writes never ends.  Outputs say what they open, for as long as they
 * know it; sources ask.  Any goroutine may call.
 */
#ifndef WEFT_PIPELINE_OURS_H
#define WEFT_PIPELINE_OURS_H

#include <stdbool.h>
#include <sys/types.h>

void	ours_add(dev_t dev, ino_t ino);		/* as often as removed */
void	ours_remove(dev_t dev, ino_t ino);
bool	ours_has(dev_t dev, ino_t ino);

#endif
