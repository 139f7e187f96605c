"""The system `cost`: regression on rollouts, such as the metabolic cost of a gait from its stride and cadence."""
