package main

// experiments are all cases, in the order of the page.
func experiments(b *base) []experiment {
	return []experiment{
		startExperiment(b),
		changedExperiment(b),
		tenExperiment(b),
		helpExperiment(b),
		requestsExperiment(b),
		tripsExperiment(b),
		bytesExperiment(b),
		keysExperiment(b),
		parallelExperiment(b),
		copyExperiment(b),
		findExperiment(b),
		idleExperiment(b),
		startsExperiment(b),
		execExperiment(b),
	}
}
