/// The real images that a set is learned from, and the space that networks take them in.
module internal KdPlugins.KrrSt.RealImages

open TorchSharp
open KdPlugins.Core
open KdPlugins.Sdk

/// Raises KDP0306.
let refuse (asker: Asker) (what: string) (remedy: string) : 'T = raise (asker.WrongCombination(what, remedy))

/// Between images as they are stored, in [0, 1] more or less, and as networks take them: normalised by the data set's mean
/// and deviation, or alike. Raises KDP0306 where the data set does not say what normalising needs.
let space (asker: Asker) (data: DataInfo) (normalised: bool) : PixelSpace =
    let channels = int data.InputShape[0]

    if not normalised then
        PixelSpace([| 0.0 |], [| 1.0 |]) // of as many channels as there are
    elif data.Mean.Count = channels && data.Std.Count = channels then
        PixelSpace.Of data
    else
        refuse
            asker
            "is to normalise images, and the data set does not say its mean and deviation."
            "Set \"normalised\" to false, or use a data set that knows them."

let private arePixels (values: torch.Tensor) = values.min().item<float32>() >= 0f && values.max().item<float32>() <= 1f

/// The next batch of a source. Raises KDP0306 where it is not raw: augmentations that come before the roles' views would be
/// part of the set.
let next (asker: Asker) (source: string) (step: IStepContext) : Batch =
    let batch = step.Next source

    if not (arePixels batch.Input) then
        refuse
            asker
            "got real images that are not in [0, 1] before the roles' views: the recipe changes them under \"shared\"."
            "Put the augmentations under the roles, such as \"student\" and \"target\"."

    batch

/// A batch's classes. Raises KDP0304 where it has other targets.
let labels (batch: Batch) : torch.Tensor =
    TargetReader.As<ClassIndexTarget>(batch.Target, "Pre-training on labels").Labels

/// Raises KDP0306 where a view contradicts what the options say of it.
let requireView (asker: Asker) (normalised: bool) (view: torch.Tensor) : unit =
    let raw = arePixels view

    if raw = normalised then
        let said = if normalised then "true" else "false"
        let found = if raw then "are in [0, 1]" else "leave [0, 1]"

        refuse
            asker
            $"was told that \"normalised\" is {said}, and the values of the real images' view {found}."
            "Add or remove the augmentation 'normalise', or set \"normalised\" accordingly."
