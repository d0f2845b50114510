using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;

namespace KdPlugins.Datasets;

/// <summary>Which labels Cityscapes files hold.</summary>
public enum CityscapesLabels
{
    /// <summary><c>_gtFine_labelIds.png</c>, of 34 numbers, 19 of which are classes.</summary>
    LabelIds,

    /// <summary><c>_gtFine_labelTrainIds.png</c>, written by the data set's own scripts: 0 to 18, and 255.</summary>
    LabelTrainIds,
}

/// <summary>The options of <c>segmentation-folder</c>.</summary>
public sealed record SegmentationFolderOptions : ImageOptions, IValidatableObject
{
    /// <summary>The data set's folder. Relative paths start at the recipe's folder.</summary>
    [Required, MinLength(1), RecipePath]
    public string Path { get; init; } = null!;

    /// <summary>
    /// Where images and label maps lie: <c>folders</c> (<c>train</c> beside <c>trainannot</c>, <c>train_labels</c> or
    /// <c>train_masks</c>, or <c>images/train</c> beside <c>labels/train</c>, <c>annotations/train</c> or <c>masks/train</c>),
    /// <c>camvid</c> (the same with CamVid's 11 classes), <c>cityscapes</c> (<c>leftImg8bit</c> and <c>gtFine</c>) or <c>voc</c>
    /// (<c>JPEGImages</c>, <c>SegmentationClass</c> and the lists of <c>ImageSets/Segmentation</c>).
    /// </summary>
    /// <value>Default <c>auto</c>: what the folders are called.</value>
    [AllowedValues("auto", "folders", "camvid", "cityscapes", "voc")]
    public string Layout { get; init; } = "auto";

    /// <summary>The classes' names in the order of their labels.</summary>
    /// <value>At most 255; default those of the layout, which <c>folders</c> does not have.</value>
    [MaxLength(255)]
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>
    /// The colours of the classes in maps of colours, such as <c>#804080</c>; several of one class stand in one text, divided by spaces.
    /// </summary>
    /// <value>One text for each class; default those of the layout.</value>
    public IReadOnlyList<string> Colours { get; init; } = [];

    /// <summary>Colours of pixels that do not count.</summary>
    /// <value>Default those of the layout.</value>
    public IReadOnlyList<string> IgnoredColours { get; init; } = [];

    /// <summary>What palettes mean: <c>index</c>, their numbers are the labels; <c>colour</c>, their colours are looked up.</summary>
    /// <value>Default <c>index</c>.</value>
    [AllowedValues("index", "colour")]
    public string Palettes { get; init; } = "index";

    /// <summary>Labels of pixels that do not count, beside <see cref="IgnoreIndex"/>.</summary>
    /// <value>Default those of the layout: 11 of <c>camvid</c>.</value>
    public IReadOnlyList<int> Ignored { get; init; } = [];

    /// <summary>The label of the first class in the files.</summary>
    /// <value>0 to 255; default 0. 1 with 0 among <see cref="Ignored"/> is what others call "reduce zero label".</value>
    [Range(0, 255)]
    public int FirstLabel { get; init; }

    /// <summary>The label that pixels have which do not count, in files and in targets.</summary>
    /// <value>-1 to 255, no class; default 255.</value>
    [Range(-1, 255)]
    public int IgnoreIndex { get; init; } = 255;

    /// <summary>Which files of <c>cityscapes</c> are read.</summary>
    /// <value>Default <c>label-ids</c>.</value>
    public CityscapesLabels Cityscapes { get; init; } = CityscapesLabels.LabelIds;

    /// <summary>The list of <c>voc</c> that names the training images.</summary>
    /// <value>Default <c>train</c>.</value>
    [Required, MinLength(1)]
    public string TrainList { get; init; } = "train";

    /// <summary>The folder of <c>voc</c> with the label maps.</summary>
    /// <value>Default <c>SegmentationClass</c>; <c>SegmentationClassAug</c> has those of the list <c>trainaug</c>.</value>
    [Required, MinLength(1)]
    public string Maps { get; init; } = "SegmentationClass";

    /// <summary>Refuses colours that are none, and names that leave the folder.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Colours.Count > 0 && Classes.Count > 0 && Colours.Count != Classes.Count)
            yield return new($"holds {Colours.Count} colours for {Classes.Count} classes", [nameof(Colours)]);
        foreach (var text in Colours.Concat(IgnoredColours))
            if (!LabelTable.AreColours(text))
                yield return new($"holds '{text}', which is no colour such as #804080", [nameof(Colours)]);
        if (Classes.Distinct(StringComparer.Ordinal).Count() < Classes.Count)
            yield return new("names a class twice", [nameof(Classes)]);
        foreach (var name in (string[])[TrainList, Maps])
            if (name.Contains('/') || name.Contains('\0') || name is "." or "..")
                yield return new("is no name of a file or folder", [nameof(TrainList), nameof(Maps)]);
    }
}
