using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>The first samples of an evaluation as people look at them: the image, its labels and the answer over it.</summary>
/// <param name="most">How many samples.</param>
internal sealed class MapPictures(int most)
{
    private const long MostSide = 96;
    private readonly List<IReadOnlyList<byte[]>> _rows = [];
    private (int Height, int Width) _size;

    /// <summary>Takes samples of a batch until there are enough; those of another size than the first are passed over.</summary>
    /// <param name="input">Float [B, C, H, W], in any range.</param>
    /// <param name="labels">int64 [B, H, W], below 0 where nothing counts.</param>
    /// <param name="said">The same for the answer.</param>
    internal void Add(Tensor input, Tensor labels, Tensor said)
    {
        if (_rows.Count >= most || input.dim() != 4)
            return;
        var step = (Math.Max(labels.shape[1], labels.shape[2]) + MostSide - 1) / MostSide;
        var every = TensorIndex.Slice(step: step);
        for (var i = 0L; i < input.shape[0] && _rows.Count < most; i++)
        {
            var image = Bytes(input[i][.., every, every]);
            var (truth, answer) = (labels[i][every, every].cpu(), said[i][every, every].cpu());
            var size = ((int)truth.shape[0], (int)truth.shape[1]);
            if (image.Length != 3 * size.Item1 * size.Item2 || (_rows.Count > 0 && size != _size))
                continue;
            _size = size;
            _rows.Add([image, Over(image, truth), Over(image, answer)]);
        }
    }

    /// <summary>What was taken; nothing where nothing was.</summary>
    internal IEnumerable<Drawing> Draw() =>
        _rows.Count == 0
            ? []
            :
            [
                new PicturesDrawing(
                    "overlays",
                    "Labels and answers over the first images",
                    ["image", "labels", "answer"],
                    _size.Width,
                    _size.Height,
                    _rows
                ),
            ];

    /// <summary>The usual colour of a class: its number's bits, three by three, from the highest of each channel down.</summary>
    internal static (int Red, int Green, int Blue) ColourOf(long label)
    {
        var (red, green, blue) = (0, 0, 0);
        for (var bit = 7; bit >= 0 && label > 0; bit--, label >>= 3)
        {
            red |= (int)(label & 1) << bit;
            green |= (int)((label >> 1) & 1) << bit;
            blue |= (int)((label >> 2) & 1) << bit;
        }
        return (red, green, blue);
    }

    // Stretched over the range, since normalised values are no colours. One channel is grey.
    private static byte[] Bytes(Tensor image)
    {
        var three = image.shape[0] >= 3 ? image[..3] : image[..1].expand(3, -1, -1);
        var values = three.to(ScalarType.Float32);
        var (least, most) = (values.min(), values.max());
        return
        [
            .. values
                .sub(least)
                .mul(255)
                .div(most.sub(least).clamp_min(1e-12))
                .round()
                .clamp(0, 255)
                .to(ScalarType.Byte)
                .permute(1, 2, 0)
                .contiguous()
                .cpu()
                .data<byte>(),
        ];
    }

    // Half image, half colour; what does not count is dark.
    private static byte[] Over(byte[] image, Tensor labels)
    {
        var picture = new byte[image.Length];
        var each = labels.contiguous().data<long>().ToArray();
        for (var p = 0; p < each.Length; p++)
        {
            var (red, green, blue) = ColourOf(each[p]);
            picture[3 * p] = (byte)((image[3 * p] + red) / 2);
            picture[3 * p + 1] = (byte)((image[3 * p + 1] + green) / 2);
            picture[3 * p + 2] = (byte)((image[3 * p + 2] + blue) / 2);
            if (each[p] < 0)
                (picture[3 * p], picture[3 * p + 1], picture[3 * p + 2]) = (0, 0, 0);
        }
        return picture;
    }
}
