namespace KdPlugins.KrrSt

open TorchSharp
open KdPlugins.Core
open KdPlugins.Torch

/// Between images as they are stored, in [0, 1] more or less, and as networks take them.
/// data: whose mean and deviation. normalised: whether networks take images of mean 0 and deviation 1.
/// Raises KDP0306 where that is asked for and the data set does not say its mean and deviation.
[<Sealed>]
type internal Pixels(data: DataInfo, normalised: bool) =
    let channels = int data.InputShape[0]

    do
        if normalised && (data.Mean.Count <> channels || data.Std.Count <> channels) then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    "Images are to be normalised, and the data set does not say its mean and deviation.",
                    "Set \"normalised\" to false, or use a data set that knows them."
                )
            )

    let perChannel (values: seq<double>) (device: torch.Device) =
        torch.tensor(values |> Seq.map float32 |> Seq.toArray, device = device).view [| 1L; -1L; 1L; 1L |]

    /// As networks take them.
    member _.ToInput(images: torch.Tensor) : torch.Tensor =
        if normalised then
            images.sub(perChannel data.Mean images.device).div(perChannel data.Std images.device)
        else
            images

    /// As they are stored.
    member _.ToImages(input: torch.Tensor) : torch.Tensor =
        if normalised then
            input.mul(perChannel data.Std input.device).add(perChannel data.Mean input.device)
        else
            input

    /// Raises KDP0306 where a batch of the source is not raw: augmentations that come before the roles' views would be
    /// part of the set.
    member _.RequireRaw(batch: Batch) =
        if batch.Input.min().item<float32>() < 0f || batch.Input.max().item<float32>() > 1f then
            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    "The real images are not in [0, 1] before the roles' views: the recipe changes them under \"shared\".",
                    "Put the augmentations under the roles, such as \"student\" and \"target\"."
                )
            )

    /// Raises KDP0306 where a view contradicts what the options say of it.
    member _.RequireView(view: torch.Tensor) =
        let raw = view.min().item<float32>() >= 0f && view.max().item<float32>() <= 1f

        if raw = normalised then
            let said = if normalised then "true" else "false"
            let found = if raw then "are in [0, 1]" else "leave [0, 1]"

            raise (
                KdException(
                    CoreErrors.WrongCombination,
                    $"\"normalised\" is {said}, and the values of the real images' view {found}.",
                    "Add or remove the augmentation 'normalise', or set \"normalised\" accordingly."
                )
            )
