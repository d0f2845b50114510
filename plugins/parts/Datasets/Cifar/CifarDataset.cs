using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Datasets;

/// <summary>The binary files of CIFAR: records of label bytes and 3,072 bytes of planes red, green, blue.</summary>
internal sealed class CifarDataset : IDataset
{
    private static readonly string[] SplitNames = ["train", "test"];
    private readonly string _folder;
    private readonly CifarFormat _format;

    public CifarDataset(string folder, CifarFormat format)
    {
        _format = format;
        _folder = Locate(folder, format);
        Info = new DataInfo(
            InputKind.Image,
            [3, 32, 32],
            TargetKind.ClassIndex,
            format.Classes,
            ClassNames(),
            format.Mean,
            format.Std,
            []
        );
    }

    public DataInfo Info { get; }

    public IReadOnlyCollection<string> Splits => SplitNames;

    public string Fingerprint =>
        Fingerprints.Of(_format.Name, _folder, [.. Files(_format.Train), .. Files(_format.Test)]);

    public IDataSource Open(string split) =>
        split switch
        {
            "train" => Load(split, Files(_format.Train)),
            "test" => Load(split, Files(_format.Test)),
            _ => throw Asker.Of(typeof(CifarPlugin)).NoSplit(split, SplitNames),
        };

    public void Dispose() { }

    private IEnumerable<string> Files(string[] names) => names.Select(n => Path.Combine(_folder, n));

    // Archives unpack into a folder of their own; either may be named.
    private static string Locate(string folder, CifarFormat format)
    {
        var inner = Path.Combine(folder, format.ArchiveFolder);
        return Directory.Exists(inner) ? inner : folder;
    }

    private string[] ClassNames()
    {
        var file = Path.Combine(_folder, _format.NamesFile);
        if (!File.Exists(file))
            return [];
        string[] names =
        [
            .. DataFile.Text(file, 1 << 20).Split('\n').Take(1000).Select(l => l.Trim()).Where(l => l.Length > 0),
        ];
        return names.Length == _format.Classes ? names : [];
    }

    private MemorySource Load(string split, IEnumerable<string> files)
    {
        var (planes, labels) = (new List<byte[]>(), new List<long>());
        foreach (var file in files)
            Load(file, planes, labels);
        return new MemorySource([.. planes], [.. labels], [3, 32, 32], $"split '{split}' of data set 'cifar'");
    }

    private void Load(string file, List<byte[]> planes, List<long> labels)
    {
        using var stream = DataFile.Open(file);
        var record = new byte[_format.LabelBytes + CifarFormat.ImageBytes];
        if (stream.Length == 0 || stream.Length % record.Length != 0)
            throw new KdException(
                DataErrors.DamagedFile,
                $"'{file}' has {stream.Length} bytes, which is no multiple of the {record.Length} bytes of a "
                    + $"{_format.Name} record."
            );
        for (var remaining = stream.Length / record.Length; remaining > 0; remaining--)
        {
            stream.ReadExactly(record);
            labels.Add(Label(record, file, labels.Count));
            planes.Add(record[_format.LabelBytes..]);
        }
    }

    private long Label(byte[] record, string file, int number)
    {
        for (var i = 0; i < _format.LabelBytes; i++)
            if (record[i] >= _format.LabelLimits[i])
                throw new KdException(
                    DataErrors.LabelOutOfRange,
                    $"Record {number} of '{file}' has the {_format.LabelNames[i]} label {record[i]}; {_format.Name} has "
                        + $"0 to {_format.LabelLimits[i] - 1}."
                );
        return record[_format.LabelAt];
    }
}
