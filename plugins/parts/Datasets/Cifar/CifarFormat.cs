namespace KdPlugins.Datasets;

/// <summary>How the two data sets differ.</summary>
internal sealed record CifarFormat(
    string Name,
    int Classes,
    string ArchiveFolder,
    string NamesFile,
    string[] Train,
    string[] Test,
    string[] LabelNames,
    int[] LabelLimits,
    int LabelAt,
    double[] Mean,
    double[] Std
)
{
    public const int ImageBytes = 3 * 32 * 32;

    public int LabelBytes => LabelLimits.Length;

    private static readonly CifarFormat Ten = new(
        "CIFAR-10",
        10,
        "cifar-10-batches-bin",
        "batches.meta.txt",
        ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
        ["test_batch.bin"],
        ["class"],
        [10],
        0,
        [0.4914, 0.4822, 0.4465],
        [0.2470, 0.2435, 0.2616]
    );

    private static readonly CifarFormat Fine = new(
        "CIFAR-100",
        100,
        "cifar-100-binary",
        "fine_label_names.txt",
        ["train.bin"],
        ["test.bin"],
        ["coarse", "fine"],
        [20, 100],
        1,
        [0.5071, 0.4867, 0.4408],
        [0.2675, 0.2565, 0.2761]
    );

    public static CifarFormat Of(CifarOptions options) =>
        options switch
        {
            { Classes: 10 } => Ten,
            { Coarse: false } => Fine,
            _ => Fine with { Classes = 20, NamesFile = "coarse_label_names.txt", LabelAt = 0 },
        };
}
