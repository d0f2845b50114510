using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Images and label maps in the folders of CamVid, Cityscapes, Pascal VOC and their like.</summary>
[KdDataset(
    "segmentation-folder",
    Description = "Images with a label map each, in the folders of CamVid, Cityscapes or Pascal VOC"
)]
public sealed class SegmentationFolderPlugin : DatasetPlugin<SegmentationFolderOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) =>
        new SegmentationSet(Options, DataFile.Folder(baseFolder, Options.Path));
}
