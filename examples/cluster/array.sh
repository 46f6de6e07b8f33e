#!/bin/bash
# Tracks many movies as a job array, without a workflow engine: each task takes every 16th of them.
#
#     sbatch array.sh movies/*.mp4
#
# The same line again goes on where tasks were stopped, and leaves out what is done.
#SBATCH --job-name=temtrack
#SBATCH --array=1-16
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=24:00:00
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
temtrack track "$@" -o out --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --resume
