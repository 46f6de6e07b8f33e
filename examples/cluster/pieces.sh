#!/bin/bash
# Segments one long movie as a job array: each task takes 500 frames of it, 16 tasks the first 8000.
#
#     sbatch pieces.sh movie.ome.zarr --model yolov8n-seg
#     temtrack track movie.ome.zarr --masks pieces -o run.zarr     # when all are done: joins and tracks
#
# The same line again leaves out the pieces that are done.
#SBATCH --job-name=temtrack
#SBATCH --array=0-15
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=24:00:00
export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
N=${FRAMES_PER_TASK:-500}
FIRST=$((SLURM_ARRAY_TASK_ID * N))
temtrack segment "$@" -o pieces --frames "$FIRST:$((FIRST + N))" --resume
