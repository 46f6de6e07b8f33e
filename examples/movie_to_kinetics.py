# %% [markdown]
# # From a movie to its merges and kinetics
#
# Each cell is a step of the `temtrack` command, as a function. The movie is a simulated one, so that this
# runs anywhere; `temtrack.read_movie("movie.dm4")` reads yours.

# %%
import matplotlib.pyplot as plt
import numpy as np

import temtrack
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

simulated = simulate_movie(
    3, MovieConfig(n_frames=30, height=160, width=200, n_particles=12, radius_px=9, merges={2: 1})
)
movie = simulated.to_movie().calibrated(pixel_size_nm=0.5, frame_time_s=2.0)

# %% [markdown]
# ## One image
#
# `otsu` and, below, `overlap` are the fast ones. Leave both words out for the networks.

# %%
image = movie.read_frame(0)
labels = temtrack.segment(image, model="otsu")

plt.imshow(image, cmap="gray")
plt.contour(labels > 0, levels=[0.5], colors="tab:orange")
plt.title(f"{labels.max()} particles")
plt.show()

# %% [markdown]
# ## The movie
#
# `tracked.masks[t]` holds the ids of frame t. With `temtrack.track(movie, "masks")` they lie in a folder and
# not in the memory; `progress=tqdm` shows a progress bar.

# %%
tracked = temtrack.track(movie, model="otsu", tracker="overlap")
for merge in tracked.lineage.merges:
    print(f"frame {merge.frame}: {' + '.join(map(str, merge.parents))} -> {merge.child}")

# %% [markdown]
# ## Tables
#
# Arrow tables, whose columns know their units; `to_pandas()` makes data frames of them.

# %%
tables = temtrack.analyze(tracked, movie)
particles = tables.particles.to_pandas()
for particle_id, rows in particles.groupby("particle_id"):
    plt.plot(rows["time_s"], rows["equivalent_diameter_nm"], label=str(particle_id))
plt.xlabel("time (s)")
plt.ylabel("diameter (nm)")
plt.show()

# %% [markdown]
# ## Kinetics
#
# Each number with its 95 % interval, or the reason why there is none.

# %%
kinetics = temtrack.fit_kinetics(tables).to_pandas()
told = kinetics[kinetics["value"].notna() & kinetics["frame"].isna()]
print(told[["quantity", "value", "low", "high", "unit", "n"]].to_string(index=False))

# %% [markdown]
# ## Masks of another program
#
# An array of ids (T, Y, X) or a folder of label images serves as well; merges are found from the masks alone.

# %%
masks = np.stack([simulated.labels(t) for t in range(len(simulated))])
print(temtrack.analyze(masks, pixel_size_nm=0.5, frame_time_s=2.0).merges.to_pandas())
