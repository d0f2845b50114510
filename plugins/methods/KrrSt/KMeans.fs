/// Samples that stand for a set: those nearest to the centres of k-means.
module KdPlugins.KrrSt.KMeans

open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

let private rounds = 20

// Squared distances [n, k].
let private distances (points: torch.Tensor) (centres: torch.Tensor) =
    let norms (t: torch.Tensor) = t.square().sum(1L)
    (norms points).unsqueeze(1L).add((norms centres).unsqueeze 0L).sub(points.mm(centres.t ()).mul((2.0).ToScalar()))

let private move (points: torch.Tensor) (centres: torch.Tensor) =
    let nearest = (distances points centres).argmin 1L

    let sums =
        torch.zeros_like(centres).index_add(0L, nearest, points, (1.0).ToScalar())

    let counts =
        nearest.bincount(null, centres.shape[0]).to_type(points.dtype).unsqueeze 1L

    // A centre that nobody is nearest to stays where it is.
    torch.where (counts.gt ((0.0).ToScalar()), sums.div (counts.clamp_min ((1.0).ToScalar())), centres)

/// Row numbers int64 [count], all different: for every centre the nearest row that no earlier centre has taken.
/// points: float [n, D]. count: 1 to n. key: the place of the draw that Lloyd's 20 rounds begin with.
/// Raises KDP0303 where there are fewer rows than asked for.
let Pick (points: torch.Tensor, count: int64, key: RandomKey) : torch.Tensor =
    if points.dim () <> 2L || count < 1L || points.shape[0] < count then
        Ridge.refuse $"k-means picks {count} of the rows of a matrix, got {TensorText.Describe points}"

    use _ = torch.no_grad ()
    let order = SeededPermutation(key.Value, points.shape[0])
    let first = torch.tensor (Array.init (int count) (fun i -> order[int64 i]))
    let mutable centres = points.index_select (0L, first.``to`` points.device)

    for _ in 1..rounds do
        centres <- move points centres

    let all = (distances points centres).cpu()

    [|
        for centre in 0L .. count - 1L do
            let row = all.select(1L, centre).argmin().item<int64>()
            all.select(0L, row).fill_(infinity.ToScalar()) |> ignore
            row
    |]
    |> torch.tensor
